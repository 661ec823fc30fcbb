package book

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Book is the pages of the book, and the repository that they are about.
type Book struct {
	Root  string // of the repository
	Pages []*Page
	Rules Rules
	// SharePort makes commands run on this machine's own port 8080, one section
	// after the other, even where each could have a network of its own.
	SharePort bool
	files     map[string]string // of the repository, once read
}

// Page is one Markdown file.
type Page struct {
	Path     string // from the root of the repository, such as docs/x.md
	Source   []byte
	Headings []Heading
	Fences   []*Fence
	tree     ast.Node
}

// Heading is a heading of a page.
type Heading struct {
	Level int
	Text  string
	Line  int
}

// Fence is a piece of a page between two lines of backticks.
type Fence struct {
	Page    *Page
	Line    int    // of the opening
	Section string // the heading of level 2 above it
	Text    string
	label   label
	start   int // of the text in the source, in bytes
	problem string
}

// Open reads the pages: all Markdown files of docs, and the README of the
// repository.
func Open(root string) (*Book, error) {
	b := &Book{Root: root, Rules: DefaultRules, files: map[string]string{}}
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		return nil, err
	}
	names = append(names, filepath.Join(root, "README.md"))
	for _, name := range names {
		source, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		path, err := filepath.Rel(root, name)
		if err != nil {
			return nil, err
		}
		b.Pages = append(b.Pages, parsePage(filepath.ToSlash(path), source))
	}
	return b, nil
}

// inBook reports whether all rules hold for a page. The README of the
// repository is the door to the book, and only its links are checked.
func (p *Page) inBook() bool { return strings.HasPrefix(p.Path, "docs/") }

// markdown is Markdown as GitHub understands it.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM))

func parsePage(path string, source []byte) *Page {
	p := &Page{Path: path, Source: source}
	p.tree = markdown.Parser().Parse(text.NewReader(source))
	section := ""
	_ = ast.Walk(p.tree, func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		if !enter {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			h := Heading{n.Level, p.plain(n), p.lineOf(n)}
			p.Headings = append(p.Headings, h)
			if n.Level <= 2 {
				section = h.Text
			}
		case *ast.FencedCodeBlock:
			f := p.fence(n)
			f.Section = section
			p.Fences = append(p.Fences, f)
		}
		return ast.WalkContinue, nil
	})
	return p
}

// fence reads a fence. What is wrong with it as such is its problem.
func (p *Page) fence(n *ast.FencedCodeBlock) *Fence {
	f := &Fence{Page: p, Line: p.lineAt(n.Pos())}
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		f.Text += string(line.Value(p.Source))
	}
	if n.Info == nil {
		f.problem = "a fence without a label"
		return f
	}
	info := n.Info.Segment
	f.Line = p.lineAt(info.Start)
	f.start = info.Stop + bytes.IndexByte(p.Source[info.Stop:], '\n') + 1
	var err error
	f.label, err = parseLabel(string(info.Value(p.Source)))
	if err != nil {
		f.problem = err.Error()
	}
	if n.Parent() != p.tree {
		f.problem = "a fence inside a list or a quotation"
	}
	return f
}

// replace is the fix that gives a fence another text.
func (f *Fence) replace(text string) *Edit {
	return &Edit{f.start, f.start + len(f.Text), text}
}

// finding is a finding about a fence.
func (f *Fence) finding(what, do string) Finding {
	return Finding{Path: f.Page.Path, Line: f.Line, What: what, Do: do}
}

// finding is a finding about a line of a page.
func (p *Page) finding(line int, what, do string) Finding {
	return Finding{Path: p.Path, Line: line, What: what, Do: do}
}

// lineAt returns the number of the line at an offset.
func (p *Page) lineAt(offset int) int {
	offset = min(max(offset, 0), len(p.Source))
	return 1 + bytes.Count(p.Source[:offset], []byte("\n"))
}

// lineOf returns the line of a node, or of what it is part of.
func (p *Page) lineOf(n ast.Node) int {
	for ; n != nil; n = n.Parent() {
		if n.Kind() == ast.KindDocument {
			break
		}
		if n.Pos() > 0 {
			return p.lineAt(n.Pos())
		}
		if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
			return p.lineAt(n.Lines().At(0).Start)
		}
	}
	return 1
}

// plain returns the text of a node without its markup.
func (p *Page) plain(n ast.Node) string {
	var out strings.Builder
	_ = ast.Walk(n, func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		if !enter {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			out.Write(n.Segment.Value(p.Source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				out.WriteByte(' ')
			}
		case *ast.String:
			out.Write(n.Value)
		case *ast.AutoLink:
			out.Write(n.Label(p.Source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

// read returns a file of the repository.
func (b *Book) read(path string) (string, error) {
	if content, ok := b.files[path]; ok {
		return content, nil
	}
	content, err := os.ReadFile(filepath.Join(b.Root, filepath.FromSlash(path)))
	if err == nil {
		b.files[path] = string(content)
	}
	return string(content), err
}
