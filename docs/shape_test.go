// Package docs guards what the steps promise to each other.
package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// steps are the directories of the steps, in the order of the lessons.
var steps = []string{"step01-hello", "step02-static", "step03-process",
	"step04-threads", "step05-coroutine", "step06-nonblocking", "step07-epoll"}

// versions tells for each file which version of it each step has. The same
// letter means the same bytes, a dot means that the step lacks the file.
var versions = map[string]string{
	"main.go":        "ABCDEFG",
	"main_other.go":  "......A",
	"flags.go":       ".AAAAAA",
	"socket.go":      ".AAA.BB",
	"http.go":        ".AAAABB",
	"conn.go":        ".....AA",
	"cache.go":       ".....AA",
	"html":           ".AAAAAA",
	"main_test.go":   "ABBBBBB",
	"http_test.go":   ".AAAABB",
	"conn_test.go":   ".....AA",
	"cache_test.go":  ".....AA",
	"lesson_test.go": ".ABCDEF",
}

// TestSameBytes: between two steps, only what the lesson is about differs.
func TestSameBytes(t *testing.T) {
	contents := map[string]map[string][]byte{}
	for _, step := range steps {
		contents[step] = read(t, filepath.Join("..", step))
	}
	for name, row := range versions {
		for i := 1; i < len(steps); i++ {
			before, after := steps[i-1], steps[i]
			old, new := contents[before][name], contents[after][name]
			same := bytes.Equal(old, new) && (old == nil) == (new == nil)
			if want := row[i-1] == row[i]; same != want {
				t.Errorf("%s: same in %s and %s: %v, but the table says %v\n"+
					"see: diff -r %s %s", name, before, after, same, want,
					before, after)
			}
			if has := new != nil; has != (row[i] != '.') {
				t.Errorf("%s has %s: %v, but the table says otherwise", after,
					name, has)
			}
		}
	}
}

// read returns the files of a step. All of html counts as one. Exercises are
// left out: each step has its own.
func read(t *testing.T, step string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(step, func(path string, d fs.DirEntry,
		err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(step, path)
		if dir, file, found := strings.Cut(name, "/"); found {
			name = dir
			content = append([]byte("\n== "+file+"\n"), content...)
		}
		files[name] = append(files[name], content...)
		if versions[name] == "" && !strings.HasPrefix(name, "exercise") {
			t.Errorf("%s is in no row of the table", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
