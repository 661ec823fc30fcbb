package book

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	"golang.org/x/net/html"
)

// link is a link or a picture of a page.
type link struct {
	line    int
	to      string
	picture bool
	alt     string // of a picture
}

// links finds all links and pictures of a page, those in HTML included.
func (p *Page) links() []link {
	var out []link
	_ = ast.Walk(p.tree, func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		if !enter {
			return ast.WalkContinue, nil
		}
		line := p.lineOf(n)
		switch n := n.(type) {
		case *ast.Link:
			out = append(out, link{line: line, to: string(n.Destination)})
		case *ast.AutoLink:
			out = append(out, link{line: line, to: string(n.URL(p.Source))})
		case *ast.Image:
			out = append(out, link{line, string(n.Destination), true,
				p.plain(n)})
		case *ast.RawHTML:
			out = append(out, htmlLinks(line,
				string(n.Segments.Value(p.Source)))...)
		case *ast.HTMLBlock:
			out = append(out, htmlLinks(line, p.htmlBlock(n))...)
		}
		return ast.WalkContinue, nil
	})
	return out
}

// htmlBlock returns the text of a block of HTML.
func (p *Page) htmlBlock(n *ast.HTMLBlock) string {
	text := string(n.Lines().Value(p.Source))
	if n.HasClosure() {
		text += string(n.ClosureLine.Value(p.Source))
	}
	return text
}

// htmlLinks finds the links and pictures in a piece of HTML.
func htmlLinks(line int, text string) []link {
	var out []link
	z := html.NewTokenizer(strings.NewReader(text))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		if t.Type != html.StartTagToken && t.Type != html.SelfClosingTagToken {
			continue
		}
		attr := map[string]string{}
		for _, a := range t.Attr {
			attr[a.Key] = a.Val
		}
		switch t.Data {
		case "a":
			if attr["href"] != "" {
				out = append(out, link{line: line, to: attr["href"]})
			}
		case "img":
			out = append(out, link{line, attr["src"], true, attr["alt"]})
		case "source":
			out = append(out, link{line, attr["srcset"], true, "source"})
		}
	}
	return out
}

// checkLinks checks that links lead somewhere.
func (b *Book) checkLinks(p *Page) []Finding {
	var findings []Finding
	for _, l := range p.links() {
		if what, do := b.checkLink(p, l); what != "" {
			findings = append(findings, p.finding(l.line, what, do))
		}
		if l.picture && strings.TrimSpace(l.alt) == "" {
			findings = append(findings, p.finding(l.line, "the picture "+l.to+
				" has no text for those who do not see it",
				"say in a sentence what it shows: ![sentence]("+l.to+")"))
		}
	}
	return findings
}

// checkLink returns what is wrong with a link, and what to do.
func (b *Book) checkLink(p *Page, l link) (what, do string) {
	u, err := url.Parse(l.to)
	if err != nil {
		return fmt.Sprintf("the link %s is no address", l.to), "correct it"
	}
	if u.Scheme != "" || u.Host != "" {
		return b.checkAddress(u)
	}
	file := p.Path
	if u.Path != "" {
		file = path.Join(path.Dir(p.Path), u.Path)
	}
	if strings.HasPrefix(u.Path, "/") || strings.HasPrefix(file, "..") {
		return fmt.Sprintf("the link %s leads out of the repository", l.to),
			"write the path from this page on"
	}
	info, err := os.Stat(filepath.Join(b.Root, filepath.FromSlash(file)))
	if err != nil {
		return fmt.Sprintf("the link %s leads nowhere: there is no %s", l.to,
			file), "correct the path, which begins at this page"
	}
	if u.Fragment == "" {
		return "", ""
	}
	if info.IsDir() || !strings.HasSuffix(file, ".md") {
		return fmt.Sprintf("the link %s names a place in a file that is no "+
			"Markdown", l.to), "link to the file: numbers of lines do not stay"
	}
	return b.checkAnchor(file, l.to, u.Fragment)
}

// checkAnchor checks that a page has a heading with this anchor.
func (b *Book) checkAnchor(file, to, anchor string) (what, do string) {
	content, err := b.read(file)
	if err != nil {
		return err.Error(), "correct the path"
	}
	page := parsePage(file, []byte(content))
	var known []string
	count := map[string]int{}
	for _, h := range page.Headings {
		s := slug(h.Text)
		if n := count[s]; n > 0 {
			s = fmt.Sprintf("%s-%d", s, n)
		}
		count[slug(h.Text)]++
		if s == anchor {
			return "", ""
		}
		known = append(known, "#"+s)
	}
	return fmt.Sprintf("the link %s leads nowhere: %s has no such heading",
		to, file), "use one of " + strings.Join(known, " ")
}

// slug makes an anchor of a heading as GitHub does.
func slug(heading string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			out.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) ||
			unicode.IsNumber(r) || unicode.IsMark(r):
			out.WriteRune(r)
		}
	}
	return out.String()
}

// ownAddress matches the addresses of a running step.
var ownAddress = regexp.MustCompile(`^(127\.0\.0\.1|localhost)(:\d+)?$`)

// checkAddress checks the form of a link to another site.
func (b *Book) checkAddress(u *url.URL) (what, do string) {
	if u.Scheme == "http" && ownAddress.MatchString(u.Host) {
		return "", ""
	}
	if u.Scheme != "https" {
		return fmt.Sprintf("the link %s is not https", u),
			"use the address with https"
	}
	rest := strings.TrimPrefix(u.String(), "https://")
	for _, host := range b.Rules.Hosts {
		if host.MatchString(rest) {
			return "", ""
		}
	}
	return fmt.Sprintf("the link %s leads to a site that is not on the list "+
			"of stable ones", u), "link to an RFC, a man page, the " +
			"documentation of Go or code with its version; or add the site " +
			"in docs/book/rules.go"
}

// checkHeadings checks that a page has one title, and that headings differ.
func (p *Page) checkHeadings() []Finding {
	var findings []Finding
	seen := map[string]int{}
	titles := 0
	for i, h := range p.Headings {
		if h.Level == 1 {
			titles++
			if titles > 1 || i > 0 {
				findings = append(findings, p.finding(h.Line,
					fmt.Sprintf("a second title, or one that is not first: %q",
						h.Text), "begin this heading with ##"))
			}
		}
		if first := seen[slug(h.Text)]; first > 0 {
			findings = append(findings, p.finding(h.Line, fmt.Sprintf(
				"the heading %q is in line %d too", h.Text, first),
				"give one of them another name: links go by it"))
			continue
		}
		seen[slug(h.Text)] = h.Line
	}
	if titles == 0 {
		findings = append(findings, p.finding(1, "the page has no title",
			"begin it with a line such as # Title"))
	}
	return findings
}
