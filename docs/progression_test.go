package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestProgression: the lesson test of each step fails with the program of the
// step before. If it passed, it would not test what the step adds.
func TestProgression(t *testing.T) {
	for i := 1; i < len(steps); i++ {
		before, after := steps[i-1], steps[i]
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			if after == "step07-epoll" && runtime.GOOS != "linux" {
				t.Skip("step 7 runs on Linux only")
			}
			cmd := exec.Command("go", "test", "-count=1", "-run=^TestLesson$",
				"-overlay="+overlay(t, before, after), "./"+after)
			cmd.Dir = ".."
			out, err := cmd.CombinedOutput()
			switch {
			case err == nil:
				t.Fatalf("the lesson test of %s passes with the program of %s:"+
					"\n%s", after, before, out)
			case !strings.Contains(string(out), "--- FAIL: TestLesson"),
				!regexp.MustCompile(`(?m)^\s+\w+_test.go:\d+: .`).Match(out):
				t.Fatalf("the lesson test of %s, run with the program of %s, "+
					"did not fail as a test should:\n%s\nto do: a lesson test "+
					"may use main_test.go, and nothing of the program",
					after, before, out)
			}
			t.Logf("as it should be:\n%s", out)
		})
	}
}

// overlay writes a file for go's flag -overlay. With it, go sees the program of
// one step in the directory of another, beside the tests that are there.
func overlay(t *testing.T, program, tests string) string {
	t.Helper()
	replace := map[string]string{}
	for _, dir := range []string{tests, program} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			real, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(file)
			seen := filepath.Join(filepath.Dir(filepath.Dir(real)), tests, name)
			isTest := strings.HasSuffix(name, "_test.go")
			switch {
			case name == "main_test.go" || name == "lesson_test.go":
				// They talk to any program: they stay as they are.
			case dir == tests:
				replace[seen] = "" // hides the file
			case !isTest:
				replace[seen] = real
			}
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}
