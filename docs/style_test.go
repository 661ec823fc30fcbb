package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rules for the code of the steps. A reader has it beside this book, often
// on half a screen, and reads it from top to bottom.
const (
	mostColumns  = 80 // of a line; a tab counts as 4
	mostLines    = 40 // of a function, from "func" to the last "}"
	leastComment = 12 // percent of the lines of a step that are not empty
	mostComment  = 28
	// The share should be between these two.
	fewComment, manyComment = 15, 25
)

// TestStyle: the code of the steps keeps the rules.
func TestStyle(t *testing.T) {
	files := readSteps(t)
	for _, step := range steps {
		for _, name := range slices.Sorted(maps.Keys(files[step])) {
			if !strings.HasSuffix(name, ".go") {
				continue
			}
			path, content := step+"/"+name, string(files[step][name])
			findings := slices.Concat(checkWidth(path, content),
				checkFunctions(path, content), checkStepNames(path, content))
			for _, finding := range findings {
				t.Error(finding)
			}
		}
	}
}

// TestComments: each step has enough comments, and not too many.
func TestComments(t *testing.T) {
	files := readSteps(t)
	for _, step := range steps {
		code := map[string]string{}
		for name, content := range files[step] {
			if strings.HasSuffix(name, ".go") && !isTest(name) {
				code[name] = string(content)
			}
		}
		share, finding := checkComments(step, code)
		if finding != "" {
			t.Error(finding)
		}
		note := ""
		if share < fewComment || share > manyComment {
			note = fmt.Sprintf("; better %d to %d %%", fewComment, manyComment)
		}
		t.Logf("%s: %.1f %% of the lines are comments%s", step, share, note)
	}
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// checkWidth finds the lines that are too long.
func checkWidth(path, content string) []string {
	var findings []string
	for i, line := range strings.Split(content, "\n") {
		columns := 0
		for _, char := range line {
			columns++
			if char == '\t' {
				columns = (columns + 3) / 4 * 4
			}
		}
		if columns > mostColumns {
			findings = append(findings, fmt.Sprintf("%s:%d has %d columns, "+
				"more than %d (a tab counts as 4)\nto do: break the line",
				path, i+1, columns, mostColumns))
		}
	}
	return findings
}

// checkFunctions finds the functions that are too long.
func checkFunctions(path, content string) []string {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, content, 0)
	if err != nil {
		return []string{fmt.Sprintf("cannot read the Go code: %v", err)}
	}
	var findings []string
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first := set.Position(function.Pos()).Line
		last := set.Position(function.End()).Line
		if lines := last - first + 1; lines > mostLines {
			findings = append(findings, fmt.Sprintf("%s:%d: %s has %d lines, "+
				"more than %d\nto do: give a part of it a name of its own",
				path, first, function.Name.Name, lines, mostLines))
		}
	}
	return findings
}

// stepName matches words that name one of the steps: "step 4", "steps 2 to 5",
// "step04-threads".
var stepName = regexp.MustCompile(`(?i)\bsteps?\s*\d+`)

// checkStepNames finds the comments that name a step. In a file that several
// steps share, they would say the same everywhere, and be true in few places.
func checkStepNames(path, content string) []string {
	step, name, _ := strings.Cut(path, "/")
	if step == steps[0] || isTest(name) ||
		name == "main.go" || name == "main_other.go" {
		return nil
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, content, parser.ParseComments)
	if err != nil {
		return nil // checkFunctions tells
	}
	var findings []string
	for _, group := range file.Comments {
		// Text takes the slashes away, so that a name may go over two lines.
		if found := stepName.FindString(group.Text()); found != "" {
			findings = append(findings, fmt.Sprintf("%s:%d: a comment says "+
				"%q, but other steps have this file too\nto do: say it in "+
				"main.go, or say what is so without the number of a step",
				path, set.Position(group.Pos()).Line, found))
		}
	}
	return findings
}

// checkComments returns how many percent of the lines of these files are
// comments, and a finding if these are too few or too many.
func checkComments(step string, files map[string]string) (float64, string) {
	var comments, code int
	var counts []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		a, b := countLines(files[name])
		comments, code = comments+a, code+b
		counts = append(counts, fmt.Sprintf("%s %d of %d", name, a, a+b))
	}
	share := 100 * float64(comments) / float64(max(1, comments+code))
	if share >= leastComment && share <= mostComment {
		return share, ""
	}
	return share, fmt.Sprintf("%s: %d of %d lines are comments, that is "+
		"%.1f %%; it must be %d to %d (better %d to %d)\nin the files: %s\n"+
		"to do: say why where a reader would ask, or drop what the code says "+
		"itself", step, comments, comments+code, share, leastComment,
		mostComment, fewComment, manyComment, strings.Join(counts, ", "))
}

// countLines counts the lines that hold code, and those that hold nothing but
// a comment. Directives such as //go:embed are code.
func countLines(content string) (comments, code int) {
	isCode, isComment := map[int]bool{}, map[int]bool{}
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(content))
	var s scanner.Scanner
	s.Init(file, []byte(content), nil, scanner.ScanComments)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue // the scanner's own, at the end of a line
		}
		lines := isCode
		if tok == token.COMMENT && !strings.HasPrefix(text, "//go:") {
			lines = isComment
		}
		first := file.Line(pos)
		for i := range strings.Count(text, "\n") + 1 {
			lines[first+i] = true
		}
	}
	for line := range isComment {
		if !isCode[line] {
			comments++
		}
	}
	return comments, len(isCode)
}
