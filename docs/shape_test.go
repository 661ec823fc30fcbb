// Package docs guards what the steps promise to each other.
//
// The guards look at the files of the steps from outside, so they are in a
// module of their own: the tutorial itself needs nothing but Go.
package docs

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// steps are the directories of the steps, in the order of the lessons.
var steps = []string{"step01-hello", "step02-static", "step03-process",
	"step04-threads", "step05-coroutine", "step06-nonblocking", "step07-epoll"}

// versions tells for each file which version of it each step has. The same
// letter means the same bytes, a dot means that the step lacks the file. A row
// that is "any" says nothing: each step has its own file, or none.
var versions = map[string]string{
	"main.go":          "ABCDEFG",
	"main_other.go":    "......A",
	"conn.go":          ".AAAABB",
	"http.go":          ".AAAAAA",
	"site.go":          ".AAAAAA",
	"socket.go":        ".AAA.BB",
	"flags.go":         ".AAAAAA",
	"log.go":           ".AAAAAA",
	"html":             ".AAAAAA",
	"main_test.go":     "ABBBBBB",
	"conn_test.go":     ".AAAABB",
	"loop_test.go":     ".....AB",
	"http_test.go":     ".AAAAAA",
	"site_test.go":     ".AAAAAA",
	"lesson_test.go":   ".ABCDEF",
	"exercise_test.go": "any",
}

// tree holds the files of the steps: step, then file, then content. All of a
// directory within a step counts as one file.
type tree map[string]map[string][]byte

// TestSameBytes: between two steps, only what the lesson is about differs.
func TestSameBytes(t *testing.T) {
	for _, finding := range checkShape(readSteps(t), versions) {
		t.Error(finding)
	}
}

// checkShape compares the files of the steps with a table such as versions.
func checkShape(files tree, table map[string]string) []string {
	var findings []string
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if row := table[name]; row != "any" {
			findings = append(findings, checkRow(files, name, row)...)
		}
	}
	for _, step := range steps {
		for _, name := range slices.Sorted(maps.Keys(files[step])) {
			if table[name] == "" {
				findings = append(findings, fmt.Sprintf("%s/%s is in no row "+
					"of the table\nto do: move what it holds into a file "+
					"that the table knows, or give it a row in "+
					"docs/shape_test.go", step, name))
			}
		}
	}
	return findings
}

// checkRow compares one file of all steps with its row of the table.
func checkRow(files tree, name, row string) []string {
	var findings []string
	for i, step := range steps {
		_, has := files[step][name]
		if wanted := row[i] != '.'; has && !wanted {
			findings = append(findings, fmt.Sprintf("%s/%s is there, but the "+
				"table has a dot\nto do: remove the file, or write the "+
				"letter of its version into docs/shape_test.go", step, name))
		} else if !has && wanted {
			findings = append(findings, fmt.Sprintf("%s/%s is missing\n"+
				"to do: add the file, or write a dot into docs/shape_test.go",
				step, name))
		}
		if i > 0 {
			findings = append(findings,
				checkPair(files, name, row, steps[i-1], step)...)
		}
	}
	return findings
}

// checkPair compares one file of two steps, if both have it and should.
func checkPair(files tree, name, row, before, after string) []string {
	old, hasOld := files[before][name]
	new, hasNew := files[after][name]
	a := row[slices.Index(steps, before)]
	b := row[slices.Index(steps, after)]
	if !hasOld || !hasNew || a == '.' || b == '.' {
		return nil
	}
	same := bytes.Equal(old, new)
	pair := fmt.Sprintf("%s/%s %s/%s", before, name, after, name)
	switch {
	case same && a != b:
		return []string{fmt.Sprintf("%s is the same in %s and %s, but by the "+
			"table (%c and %c) the lesson changes it\nto do: if the lesson "+
			"no longer does, give both the same letter in docs/shape_test.go",
			name, before, after, a, b)}
	case !same && a == b:
		return []string{fmt.Sprintf("%s differs between %s and %s, but by the "+
			"table (%c) it is the same\nsee it: diff -r %s\nto do: copy the one "+
			"that is right to all steps that share it, or, if the lesson is "+
			"about it, give it a letter of its own in docs/shape_test.go",
			name, before, after, a, pair)}
	}
	return nil
}

// readSteps reads all files of all steps.
func readSteps(t *testing.T) tree {
	t.Helper()
	files := tree{}
	for _, step := range steps {
		files[step] = readStep(t, filepath.Join("..", step))
	}
	return files
}

// readStep reads all files of a step.
func readStep(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry,
		err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if top, file, found := strings.Cut(name, "/"); found {
			name = top
			content = append([]byte("\n== "+file+"\n"), content...)
		}
		files[name] = append(files[name], content...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
