package book

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Check checks all that needs no other program: see the top of this package.
func (b *Book) Check() []Finding {
	var findings []Finding
	seen := shown{}
	changed := map[*Page]map[string]bool{}
	for _, p := range b.Pages {
		findings = append(findings, b.checkLinks(p)...)
		findings = append(findings, p.checkHeadings()...)
		findings = append(findings, b.checkPictures(p)...)
		if !p.inBook() {
			continue
		}
		changed[p] = map[string]bool{}
		for _, f := range p.Fences {
			findings = append(findings, b.checkFence(f, seen, changed[p])...)
		}
		findings = append(findings, p.checkHidden()...)
		findings = append(findings, b.checkNumbers(p)...)
	}
	for _, c := range b.chapters() {
		findings = append(findings, b.checkCourse(c)...)
		findings = append(findings, b.checkQuantities(c.page)...)
		findings = append(findings, b.checkWholeDiff(c, changed[c.page])...)
	}
	if !b.Rules.Uncovered {
		findings = append(findings, b.checkCoverage(seen)...)
	}
	return sortFindings(findings)
}

// checkFence checks a fence by its label.
func (b *Book) checkFence(f *Fence, seen shown, changed map[string]bool,
) []Finding {
	lang := f.label.lang
	switch {
	case f.problem != "":
		return []Finding{f.finding(f.problem,
			"see docs/book/README.md, Labels")}
	case slices.Contains(listingLangs, lang):
		return b.checkListing(f, seen)
	case lang == "diff":
		return b.checkDiff(f, seen, changed)
	case lang == "console":
		_, findings := b.parseConsole(f)
		return findings
	case lang == "text":
		if len(f.label.words) == 1 && f.label.words[0].quoted {
			return nil
		}
		return []Finding{f.finding("plain text that nothing checks",
			"if it is what a command prints, make it a console fence; if "+
				"not, say why it is not checked: ```text \"the reason\"")}
	case lang == "http":
		return f.checkHTTP()
	case lang == "mermaid":
		return nil // CheckMermaid does it
	}
	return []Finding{f.finding(fmt.Sprintf("the language of this fence, %q, "+
		"is not known", lang), "use console, diff, text, http, mermaid or, "+
		"for a file, one of "+strings.Join(listingLangs, ", "))}
}

// checkHidden finds code that is in no fence, so that no label could be there.
func (p *Page) checkHidden() []Finding {
	var findings []Finding
	_ = ast.Walk(p.tree, func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		if !enter {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.CodeBlock:
			findings = append(findings, p.finding(
				p.lineAt(n.Lines().At(0).Start), "indented code has no label",
				"put it into a fence"))
		case *ast.HTMLBlock:
			text := p.htmlBlock(n)
			if strings.Contains(text, "```") || strings.Contains(text, "<pre") {
				findings = append(findings, p.finding(p.lineOf(n),
					"code inside HTML has no label", "leave an empty line "+
						"between the HTML and a fence"))
			}
		}
		return ast.WalkContinue, nil
	})
	return findings
}
