package book

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// laterHeading is above the list of what a chapter does not show.
const laterHeading = "Left for later"

// chapter is a page about a step.
type chapter struct {
	page         *Page
	step, before string // directories; before is that of the step before
}

// chapterName matches the path of a chapter on a step, with its number.
var chapterName = regexp.MustCompile(`^docs/(\d\d)-[\w-]+\.md$`)

// chapters returns the chapters on steps that exist, in order.
func (b *Book) chapters() []chapter {
	steps := b.steps()
	var out []chapter
	for _, p := range b.Pages {
		m := chapterName.FindStringSubmatch(p.Path)
		if m == nil {
			continue
		}
		c := chapter{page: p}
		for i, step := range steps {
			if strings.HasPrefix(step, "step"+m[1]+"-") {
				c.step = step
				if i > 0 {
					c.before = steps[i-1]
				}
			}
		}
		out = append(out, c)
	}
	return out
}

// steps returns the directories of the steps.
func (b *Book) steps() []string {
	names, _ := filepath.Glob(filepath.Join(b.Root, "step[0-9][0-9]-*"))
	for i, name := range names {
		names[i] = filepath.Base(name)
	}
	return names
}

// codeOf returns the Go files of a step that are not tests.
func (b *Book) codeOf(step string) []string {
	entries, _ := os.ReadDir(filepath.Join(b.Root, step))
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".go") &&
			!strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
	}
	return names
}

// checkCoverage demands that the book shows each declaration of each step that
// has a chapter, or names it in a list.
func (b *Book) checkCoverage(seen shown) []Finding {
	b.carry(seen)
	later, findings := b.readLater()
	texts := b.textsShown(seen, later)
	for _, c := range b.chapters() {
		if c.step == "" {
			continue
		}
		for _, file := range b.codeOf(c.step) {
			missing := b.missing(c.step+"/"+file, seen, texts)
			if len(missing) == 0 {
				continue
			}
			findings = append(findings, c.page.finding(1, fmt.Sprintf(
				"no chapter shows all of these in %s/%s:\n%s", c.step, file,
				strings.Join(missing, "\n")), fmt.Sprintf("show them in a "+
				"listing, or name them under the heading %q, such as\n"+
				"- `%s: name, name`: the reason", laterHeading, file)))
		}
	}
	return findings
}

// carry notes for each step what stands in its files as it stands in the step
// before, where a chapter has shown it.
func (b *Book) carry(seen shown) {
	steps := b.steps()
	for i := 1; i < len(steps); i++ {
		for _, file := range b.codeOf(steps[i]) {
			before, after := steps[i-1]+"/"+file, steps[i]+"/"+file
			old, err1 := b.read(before)
			new, err2 := b.read(after)
			if err1 != nil || err2 != nil {
				continue
			}
			for i, j := range align(splitLines(old), splitLines(new)) {
				if seen[before][i+1] {
					seen.add(after, j+1)
				}
			}
		}
	}
}

// textsShown returns the text of each declaration of any step that the book
// shows or leaves for later. The same text elsewhere needs no second listing.
func (b *Book) textsShown(seen shown, later map[string]bool,
) map[string]bool {
	texts := map[string]bool{}
	for text := range later {
		texts[text] = true
	}
	for _, step := range b.steps() {
		for _, file := range b.codeOf(step) {
			b.eachDecl(step+"/"+file, func(d decl, lines []string) {
				if len(unseen(d, lines, seen[step+"/"+file])) == 0 {
					texts[joinLines(lines)] = true
				}
			})
		}
	}
	return texts
}

// eachDecl calls do for the declarations of a file, with their lines.
func (b *Book) eachDecl(path string, do func(d decl, lines []string)) {
	content, err := b.read(path)
	if err != nil {
		return
	}
	decls, err := parseDecls(path, content)
	if err != nil {
		return // the compiler says so in better words
	}
	lines := splitLines(content)
	for _, d := range decls {
		if d.name() != "package" && d.name() != "import" {
			do(d, lines[d.first-1:d.last])
		}
	}
}

// unseen returns which lines of a declaration are nowhere shown.
func unseen(d decl, lines []string, seen map[int]bool) []int {
	var missing []int
	for i, line := range lines {
		if !seen[d.first+i] && strings.TrimSpace(line) != "" {
			missing = append(missing, d.first+i)
		}
	}
	return missing
}

// missing names the declarations of a file that the book does not show.
func (b *Book) missing(path string, seen shown, texts map[string]bool,
) []string {
	var names []string
	b.eachDecl(path, func(d decl, lines []string) {
		numbers := unseen(d, lines, seen[path])
		if len(numbers) == 0 || texts[joinLines(lines)] {
			return
		}
		where := fmt.Sprintf("line %d", numbers[0])
		if n := len(numbers); n > 1 {
			where = fmt.Sprintf("%d lines from %d on", n, numbers[0])
		}
		names = append(names, fmt.Sprintf("%s (%s)", d.name(), where))
		// One finding for it is enough: later steps may have the same.
		texts[joinLines(lines)] = true
	})
	return names
}

// readLater reads the lists of what is left for later. It returns the texts of
// the declarations that they name.
func (b *Book) readLater() (map[string]bool, []Finding) {
	texts := map[string]bool{}
	var findings []Finding
	for _, c := range b.chapters() {
		for _, item := range c.page.itemsUnder(laterHeading) {
			findings = append(findings, b.readItem(c, item, texts)...)
		}
	}
	return texts, findings
}

// laterItem is what the code of an item looks like: conn.go: serve, drain.
var laterItem = regexp.MustCompile(`^([\w./]+\.go): (.+)$`)

// readItem reads one item of such a list.
func (b *Book) readItem(c chapter, n ast.Node,
	texts map[string]bool) []Finding {
	line := c.page.lineOf(n)
	code, reason := c.page.codeAndRest(n)
	m := laterItem.FindStringSubmatch(code)
	reason = strings.Trim(reason, " :,.")
	if m == nil || len(strings.Fields(reason)) < 2 {
		return []Finding{c.page.finding(line, "this item does not say what is "+
			"left for later, and why", "write it so: - `http.go: isToken, "+
			"isDigit`: the reason")}
	}
	var findings []Finding
	path := c.step + "/" + m[1]
	for name := range strings.SplitSeq(m[2], ", ") {
		found := false
		b.eachDecl(path, func(d decl, lines []string) {
			if !slices.Contains(d.names, name) {
				return
			}
			found = true
			texts[joinLines(lines)] = true
		})
		if !found {
			findings = append(findings, c.page.finding(line,
				fmt.Sprintf("%s declares no %s", path, name),
				"correct the name, or remove it from the list"))
		}
	}
	return findings
}

// itemsUnder returns the list items between a heading and the next one.
func (p *Page) itemsUnder(heading string) []ast.Node {
	var items []ast.Node
	inside := false
	for n := p.tree.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			inside = p.plain(h) == heading
		}
		if list, ok := n.(*ast.List); ok && inside {
			for item := list.FirstChild(); item != nil; {
				items = append(items, item)
				item = item.NextSibling()
			}
		}
	}
	return items
}

// codeAndRest returns the code with which a text begins, and the rest.
func (p *Page) codeAndRest(n ast.Node) (code, rest string) {
	block := n.FirstChild()
	if block == nil {
		return "", ""
	}
	all := p.plain(block)
	if span, ok := block.FirstChild().(*ast.CodeSpan); ok {
		code = p.plain(span)
	}
	return code, strings.TrimPrefix(all, code)
}
