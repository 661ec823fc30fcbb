package book

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
)

// checkCourse checks that a chapter has the shape of all chapters.
func (b *Book) checkCourse(c chapter) []Finding {
	return slices.Concat(b.checkSections(c), b.checkWords(c),
		b.checkQuestions(c), b.checkExercises(c))
}

// checkSections checks the headings of level 2, and their order.
func (b *Book) checkSections(c chapter) []Finding {
	order := b.Rules.Course
	if c.step == "" {
		order = b.Rules.Tail
	}
	last := -1
	var findings []Finding
	for _, h := range c.page.Headings {
		if h.Level != 2 {
			continue
		}
		at := slices.Index(order, h.Text)
		switch {
		case at < 0 && c.step == "" && last < 0:
			// A chapter that is about no step begins as it likes.
		case at < 0:
			findings = append(findings, c.page.finding(h.Line, fmt.Sprintf(
				"the heading %q is not one of a chapter's", h.Text),
				"use one of these, or ### for a part of one: "+
					strings.Join(order, ", ")))
		case at < last:
			findings = append(findings, c.page.finding(h.Line, fmt.Sprintf(
				"%q comes before %q", h.Text, order[last]),
				"put the sections in this order: "+strings.Join(order, ", ")))
		}
		last = max(last, at)
	}
	return findings
}

// letter matches what makes a word one.
var letter = regexp.MustCompile(`\pL`)

// checkWords counts the words outside fences.
func (b *Book) checkWords(c chapter) []Finding {
	count := 0
	for word := range strings.FieldsSeq(c.page.withoutComments()) {
		if letter.MatchString(word) {
			count++
		}
	}
	if count < b.Rules.FewestWords || count > b.Rules.MostWords {
		return []Finding{c.page.finding(1, fmt.Sprintf("the chapter has %d "+
			"words outside fences, expected %d to %d", count,
			b.Rules.FewestWords, b.Rules.MostWords),
			"say what is missing, or move a part to another chapter")}
	}
	return nil
}

// withoutComments is the text outside fences and comments.
func (p *Page) withoutComments() string {
	return comment.ReplaceAllString(p.withoutFences(), "")
}

// checkQuestions checks that there are some questions, with folded answers.
func (b *Book) checkQuestions(c chapter) []Finding {
	const heading = "Questions"
	line, text := c.page.section(heading)
	if line == 0 && b.Rules.FewestQuestions == 0 {
		return nil
	}
	if line == 0 {
		return []Finding{c.page.finding(1, "the chapter asks no questions",
			"end it with a section ## Questions")}
	}
	var findings []Finding
	open := strings.Count(text, "<details>")
	for _, tag := range []string{"</details>", "<summary>", "</summary>"} {
		if n := strings.Count(text, tag); n != open {
			findings = append(findings, c.page.finding(line, fmt.Sprintf(
				"<details> is there %d times, but %s %d times", open, tag, n),
				"write for each: <details><summary>the question</summary>, "+
					"an empty line, the answer, an empty line, </details>"))
		}
	}
	if open < b.Rules.FewestQuestions || open > b.Rules.MostQuestions {
		findings = append(findings, c.page.finding(line, fmt.Sprintf(
			"%d questions with folded answers (<details>), expected %d to %d",
			open, b.Rules.FewestQuestions, b.Rules.MostQuestions),
			"ask what a reader should know by now"))
	}
	return findings
}

// section returns the line of a heading of level 2 and what stands below it.
func (p *Page) section(heading string) (line int, text string) {
	lines := strings.SplitAfter(p.withoutFences(), "\n")
	for i, h := range p.Headings {
		if h.Text != heading || h.Level != 2 {
			continue
		}
		end := len(lines)
		for _, next := range p.Headings[i+1:] {
			if next.Level <= 2 {
				end = next.Line - 1
				break
			}
		}
		return h.Line, strings.Join(lines[h.Line:end], "")
	}
	return 0, ""
}

// checkExercises checks that each row of the table of exercises links to a
// folder that is there.
func (b *Book) checkExercises(c chapter) []Finding {
	var findings []Finding
	inside := false
	for n := c.page.tree.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok && h.Level <= 2 {
			inside = c.page.plain(h) == "Exercises"
		}
		table, ok := n.(*east.Table)
		if !ok || !inside {
			continue
		}
		for row := table.FirstChild(); row != nil; row = row.NextSibling() {
			if row.Kind() != east.KindTableRow {
				continue
			}
			findings = append(findings, b.checkRow(c, row)...)
		}
	}
	return findings
}

// checkRow checks one row of that table.
func (b *Book) checkRow(c chapter, row ast.Node) []Finding {
	to := ""
	_ = ast.Walk(row, func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && enter && to == "" {
			to = string(l.Destination)
		}
		return ast.WalkContinue, nil
	})
	name := path.Join(path.Dir(c.page.Path), to)
	info, err := os.Stat(filepath.Join(b.Root, filepath.FromSlash(name)))
	if to != "" && err == nil && info.IsDir() {
		return nil
	}
	return []Finding{c.page.finding(c.page.lineOf(row), "this exercise links "+
		"to no folder", "link to it, such as [2c](exercises/2c-ranges); "+
		"leave the row out until the folder is there")}
}
