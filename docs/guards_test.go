package docs

import (
	"bytes"
	"maps"
	"strings"
	"testing"
)

// The tests in this file guard the guards: each check is shown something bad,
// and must find it.

// shapeTable is a small table for TestCheckShape, and shapeFiles are files that
// fit it.
var shapeTable = map[string]string{
	"main.go":          "ABCDEFG",
	"conn.go":          ".AAAABB",
	"exercise_test.go": "any",
}

func shapeFiles() tree {
	files := tree{}
	for i, step := range steps {
		files[step] = map[string][]byte{"main.go": {'0' + byte(i)}}
		if i > 0 {
			files[step]["conn.go"] = []byte("old")
		}
		if i > 4 {
			files[step]["conn.go"] = []byte("new")
		}
		if i%2 == 0 {
			files[step]["exercise_test.go"] = []byte(step)
		}
	}
	return files
}

// shapeFaults are ways to spoil shapeFiles, and what must be said of them.
var shapeFaults = []struct {
	name  string
	spoil func(tree)
	want  []string // parts of the findings, one for each; none: no finding
}{
	{"nothing", func(tree) {}, nil},
	{"a changed copy", func(f tree) {
		f["step03-process"]["conn.go"] = []byte("changed")
	}, []string{
		"see it: diff -r step02-static/conn.go step03-process/conn.go",
		"see it: diff -r step03-process/conn.go step04-threads/conn.go",
	}},
	{"a lesson that changes nothing", func(f tree) {
		f["step06-nonblocking"]["main.go"] = f["step05-coroutine"]["main.go"]
	}, []string{"is the same in step05-coroutine and step06-nonblocking"}},
	{"a missing file", func(f tree) {
		delete(f["step07-epoll"], "conn.go")
	}, []string{"step07-epoll/conn.go is missing"}},
	{"a file too early", func(f tree) {
		f["step01-hello"]["conn.go"] = []byte("old")
	}, []string{"step01-hello/conn.go is there"}},
	{"an unknown file", func(f tree) {
		f["step04-threads"]["util.go"] = nil
	}, []string{"step04-threads/util.go is in no row"}},
	{"an empty file in place of none", func(f tree) {
		f["step01-hello"]["conn.go"] = []byte{}
	}, []string{"step01-hello/conn.go is there"}},
}

func TestCheckShape(t *testing.T) {
	for _, test := range shapeFaults {
		t.Run(test.name, func(t *testing.T) {
			files := shapeFiles()
			test.spoil(files)
			compare(t, checkShape(files, shapeTable), test.want)
		})
	}
}

// TestTable: the real table has a place for each step in each row, and a
// version that changes gets a new letter.
func TestTable(t *testing.T) {
	for name, row := range versions {
		if row != "any" && len(row) != len(steps) {
			t.Errorf("the row of %s has %d letters for %d steps",
				name, len(row), len(steps))
		}
	}
	// Spoiled in one byte, each file that steps share must be found.
	files := readSteps(t)
	for name, row := range versions {
		for i := 1; i < len(steps) && row != "any"; i++ {
			content := files[steps[i]][name]
			if row[i] == '.' || row[i] != row[i-1] || len(content) == 0 {
				continue
			}
			spoiled := maps.Clone(files)
			spoiled[steps[i]] = maps.Clone(files[steps[i]])
			spoiled[steps[i]][name] = append(bytes.Clone(content), '\n')
			before := len(checkRow(files, name, row))
			if len(checkRow(spoiled, name, row)) <= before {
				t.Errorf("%s/%s may change, and nobody notices",
					steps[i], name)
			}
		}
	}
}

// wide has 76 columns.
var wide = "// " + strings.Repeat("x", 73)

// styleFaults are pieces of Go, and what must be said of them.
var styleFaults = []struct {
	name, path, content string
	check               func(path, content string) []string
	want                []string
}{
	{"80 columns", "s/a.go", "ok\n" + wide + "7890\n", checkWidth, nil},
	{"81 columns", "s/a.go", "ok\n" + wide + "78901\n", checkWidth,
		[]string{"s/a.go:2 has 81 columns"}},
	{"80 columns with a tab", "s/a.go", "\t" + wide, checkWidth, nil},
	{"81 columns with a tab", "s/a.go", "\t" + wide + "7", checkWidth,
		[]string{"s/a.go:1 has 81 columns"}},
	{"letters are not bytes", "s/a.go", "// " + strings.Repeat("é", 77),
		checkWidth, nil},
	{"40 lines", "s/a.go", function(40), checkFunctions, nil},
	{"41 lines", "s/a.go", function(41), checkFunctions,
		[]string{"s/a.go:4: f has 41 lines"}},
	{"no Go", "s/a.go", "packag s", checkFunctions,
		[]string{"cannot read the Go code"}},
	{"a number", "step02-static/a.go", "package s\n\n// As in step 4.\n",
		checkStepNames,
		[]string{`step02-static/a.go:3: a comment says "step 4"`}},
	{"several numbers", "step02-static/a.go", "package s // Steps 2 to 5\n",
		checkStepNames, []string{`"Steps 2"`}},
	{"a number on the next line", "step02-static/a.go",
		"package s\n\n// As in step\n// 4.\n", checkStepNames,
		[]string{`:3: a comment says "step\n4"`}},
	{"a directory", "step02-static/a.go", "package s\n\n/* step04-threads */",
		checkStepNames, []string{`"step04"`}},
	{"no number", "step02-static/a.go",
		"package s // the next step, in 2 steps\n\nconst x = \"step 4\"\n",
		checkStepNames, nil},
	{"main may", "step02-static/main.go", "package s // step 4", checkStepNames,
		nil},
	{"main_other may", "step07-epoll/main_other.go", "package s // step 4",
		checkStepNames, nil},
	{"the first step may", "step01-hello/a.go", "package s // step 4",
		checkStepNames, nil},
	{"tests may", "step02-static/a_test.go", "package s // step 4",
		checkStepNames, nil},
}

// function writes a file with a function of so many lines.
func function(lines int) string {
	return "package s\n\n// The comment above it does not count.\nfunc f() {" +
		strings.Repeat("\n", lines-1) + "}\n"
}

func TestCheckStyle(t *testing.T) {
	for _, test := range styleFaults {
		t.Run(test.name, func(t *testing.T) {
			compare(t, test.check(test.path, test.content), test.want)
		})
	}
}

func TestCheckComments(t *testing.T) {
	for _, test := range []struct {
		name           string
		comments, code int
		want           string
	}{
		{"too few", 11, 89, "11 of 100 lines are comments, that is 11.0 %"},
		{"few", 12, 88, ""},
		{"many", 28, 72, ""},
		{"too many", 29, 71, "29 of 100 lines are comments, that is 29.0 %"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Over two files: the share is that of the whole step.
			share, finding := checkComments("step", map[string]string{
				"a.go": strings.Repeat("// why\n", test.comments),
				"b.go": strings.Repeat("var x int // no line of its own\n\n",
					test.code),
			})
			if int(share) != test.comments {
				t.Errorf("the share is %v, expected %d", share, test.comments)
			}
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			var findings []string
			if finding != "" {
				findings = []string{finding}
			}
			compare(t, findings, want)
		})
	}
}

// source has 4 lines of comments and 5 of code.
const source = `//go:build linux

// Package s is
// an example.
package s

/* two
lines */
const s = ` + "`a\n// b`" + ` // no line of its own
var x = "// none"
`

func TestCountLines(t *testing.T) {
	if comments, code := countLines(source); comments != 4 || code != 5 {
		t.Errorf("counted %d lines of comments and %d of code, expected 4 and "+
			"5, in:\n%s", comments, code, source)
	}
}

// compare checks that there are as many findings as expected, and that each has
// the expected words.
func compare(t *testing.T, findings, want []string) {
	t.Helper()
	if len(findings) != len(want) {
		t.Fatalf("%d findings, expected %d (%q):\n%s", len(findings),
			len(want), want, strings.Join(findings, "\n"))
	}
	for i, finding := range findings {
		if !strings.Contains(finding, want[i]) {
			t.Errorf("expected %q in the finding:\n%s", want[i], finding)
		}
	}
}
