package docs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A patch in docs/broken puts one mistake into a step: NN-what.patch is for
// step NN. Its first line says what the mistake is, and its second line what
// the first failure of the tests must say of it:
//
//	The parent forgets to close the connection that its child serves.
//	cause: the parent does not close its copy of a connection
//
// To see one, from the root of the repository:
//
//	git apply docs/broken/03-parent-keeps-copy.patch
//	go test ./step03-process
//	git apply -R docs/broken/03-parent-keeps-copy.patch

// brokenLimit is how long the tests of a broken step may take. Nobody waits for
// minutes to learn what is wrong.
const brokenLimit = 60 * time.Second

// TestBroken: each mistake is found within a minute, and the first failure
// names it.
func TestBroken(t *testing.T) {
	patches, err := filepath.Glob("broken/*.patch")
	if err != nil || len(patches) < 14 {
		t.Fatalf("docs/broken has %d patches, expected 14 or more: %v",
			len(patches), err)
	}
	// Two at a time: more would be late for want of a processor.
	places := make(chan bool, 2)
	for _, name := range patches {
		patch, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(filepath.Base(name), "07") &&
				runtime.GOOS != "linux" {
				t.Skip("step 7 runs on Linux only")
			}
			places <- true
			defer func() { <-places }()
			r := runBroken(t, filepath.Base(name), string(patch), brokenLimit)
			t.Logf("%s: %.1f s, first failure:\n%s", name, r.took.Seconds(),
				r.first)
			if r.finding != "" {
				t.Error(r.finding)
			}
		})
	}
}

// broken is what came out of the tests of a broken step.
type broken struct {
	took    time.Duration
	first   string // the first failure
	finding string // what is wrong with the patch or the tests; empty: nothing
}

// runBroken applies a patch to a copy of its step and runs the tests there.
func runBroken(t *testing.T, name, patch string, limit time.Duration) broken {
	t.Helper()
	header, diff, _ := strings.Cut(patch, "\ndiff --git ")
	_, cause, found := strings.Cut(header, "\ncause: ")
	if cause = strings.TrimSpace(cause); !found || cause == "" {
		return broken{finding: name + " has no line \"cause: …\"\nto do: " +
			"write there what the first failure must say"}
	}
	step := stepOf(diff)
	if step == "" {
		return broken{finding: name + " changes no step\nto do: make it with " +
			"git diff in the root of the repository"}
	}
	dir := t.TempDir()
	copyStep(t, dir, step)
	file := filepath.Join(dir, "patch")
	if err := os.WriteFile(file, []byte(patch), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := command(dir, "git", "apply", file).CombinedOutput(); err !=
		nil {
		return broken{finding: fmt.Sprintf("%s does not apply: %s\nto do: put "+
			"the mistake into %s by hand, and replace the patch with what git "+
			"diff says, below its two first lines", name, out, step)}
	}
	began := time.Now()
	out, err := command(dir, "go", "test", "-count=1",
		"-timeout="+limit.String(), "./"+step).CombinedOutput()
	r := broken{took: time.Since(began), first: firstFailure(string(out))}
	if r.finding = judge(string(out), err, r.first, cause); r.finding != "" {
		r.finding = name + ": " + r.finding
	} else if r.took > limit {
		r.finding = fmt.Sprintf("%s: the tests took %v, more than %v", name,
			r.took, limit)
	}
	return r
}

// judge says what is wrong with a run of the tests of a broken step.
func judge(out string, err error, first, cause string) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "the tests pass, so nobody would notice this mistake\nto do: " +
			"add a test to the step"
	case !errors.As(err, &exit):
		return fmt.Sprintf("cannot run the tests: %v", err)
	case strings.Contains(out, "[build failed]"),
		strings.Contains(out, "[setup failed]"):
		return "with the patch, the step does not build:\n" + out +
			"\nto do: make a mistake that compiles"
	case strings.Contains(out, "panic: test timed out"):
		return "the tests do not end in time:\n" + out +
			"\nto do: find the wait in them that has no limit"
	case !strings.Contains(first, cause):
		return fmt.Sprintf("the first failure is:\n%s\nit does not say %q\n"+
			"to do: let the test say so, or let a test before it notice", first,
			cause)
	}
	return ""
}

// stepOf returns the step that a diff changes.
func stepOf(diff string) string {
	for _, step := range steps {
		if strings.HasPrefix(diff, "a/"+step+"/") {
			return step
		}
	}
	return ""
}

// message matches the beginning of what a test says in a failure.
var message = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: `)

// firstFailure cuts the first failure out of what go test prints.
func firstFailure(out string) string {
	_, out, found := strings.Cut("\n"+out, "\n--- FAIL: ")
	if !found {
		return ""
	}
	starts := message.FindAllStringIndex(out, 2)
	if len(starts) == 0 {
		return out // a panic
	}
	if len(starts) == 2 {
		out = out[:starts[1][0]]
	}
	first, _, _ := strings.Cut(out, "\nFAIL")
	return first
}

// copyStep copies a step, and the files of its module, to a directory.
func copyStep(t *testing.T, to, step string) {
	t.Helper()
	err := os.CopyFS(filepath.Join(to, step), os.DirFS(filepath.Join("..",
		step)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(filepath.Join(to, name), content, 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// command prepares a program that runs in a directory. If that is within a
// repository of git, git must not notice: it would apply nothing.
func command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+
		filepath.Dir(dir), "GOFLAGS=-mod=mod", "GOWORK=off")
	return cmd
}

// badPatches are patches that prove nothing, and what must be said of them.
var badPatches = []struct{ name, cause, old, new, want string }{
	{"nothing is broken", "any", "bytes came", "bytes have come",
		"the tests pass, so nobody would notice"},
	{"it does not apply", "any", "bytes came", "",
		"does not apply"},
	{"another cause", "the moon", "len(page))", "len(page)-1)",
		`it does not say "the moon"`},
	{"it does not build", "any", "len(page))", "len(pages))",
		"the step does not build"},
	{"it has no cause", "", "bytes came", "bytes have come",
		`has no line "cause: …"`},
	{"it takes too long", "any", "\tdrain(client)",
		"\ttime.Sleep(time.Hour)\n\tdrain(client)", "do not end in time"},
}

// TestBadPatches: a patch that proves nothing is found out.
func TestBadPatches(t *testing.T) {
	for _, test := range badPatches {
		t.Run(test.name, func(t *testing.T) {
			patch := "A mistake.\ncause: " + test.cause + "\n\n" +
				diffOf(t, test.old, test.new)
			r := runBroken(t, test.name, patch, 8*time.Second)
			if !strings.Contains(r.finding, test.want) {
				t.Errorf("said: %q\nexpected: %q", r.finding, test.want)
			}
		})
	}
}

// diffOf returns a diff that replaces the first old in step 1, or, if there is
// no new, one that fits no file.
func diffOf(t *testing.T, old, new string) string {
	t.Helper()
	const name = "step01-hello/main.go"
	content, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	for i, line := range lines {
		if !strings.Contains(line, old) {
			continue
		}
		changed := strings.Replace(line, old, new, 1)
		if new == "" {
			line = "there is no such line\n"
		}
		added := strings.Split(strings.TrimSuffix(changed, "\n"), "\n")
		return fmt.Sprintf("diff --git a/%s b/%s\n--- a/%s\n+++ b/%s\n"+
			"@@ -%d,3 +%d,%d @@\n %s-%s+%s\n %s", name, name, name, name, i,
			i, 2+len(added), lines[i-1], line, strings.Join(added, "\n+"),
			lines[i+1])
	}
	t.Fatalf("%s has no %q any more\nto do: let badPatches use other words",
		name, old)
	return ""
}

// TestFirstFailure: the first failure is cut out of all that go test prints.
func TestFirstFailure(t *testing.T) {
	const out = "log line\n--- FAIL: TestA (0.00s)\n    a_test.go:1: one\n" +
		"        more\n    a_test.go:2: two\nFAIL\nFAIL\tseven\t0.1s\nFAIL\n"
	for _, test := range []struct{ in, want string }{
		{out, "TestA (0.00s)\n    a_test.go:1: one\n        more\n"},
		{strings.Replace(out, "    a_test.go:2: two\n", "", 1),
			"TestA (0.00s)\n    a_test.go:1: one\n        more"},
		{"ok  \tseven\t0.1s\n", ""},
		{"--- FAIL: TestA (0.00s)\npanic: oh\n", "TestA (0.00s)\npanic: oh\n"},
	} {
		if got := firstFailure(test.in); got != test.want {
			t.Errorf("of %q, the first failure is %q, not %q", test.in, got,
				test.want)
		}
	}
}
