package book

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// checkPictures checks the drawings that a page shows: they are well-formed,
// say what they show, and can be read on a light and on a dark page.
func (b *Book) checkPictures(p *Page) []Finding {
	links := p.links()
	inPicture := map[string]bool{}
	for _, l := range links {
		if l.alt == "source" {
			inPicture[l.to] = true
		}
	}
	var findings []Finding
	for _, l := range links {
		if !l.picture || path.Ext(l.to) != ".svg" || inPicture[l.to] {
			continue
		}
		content, err := b.read(path.Join(path.Dir(p.Path), l.to))
		if err != nil {
			continue // checkLinks says so
		}
		if what := svgFault(content, len(inPicture) > 0); what != "" {
			findings = append(findings, p.finding(l.line, fmt.Sprintf(
				"the drawing %s %s", l.to, what), "see docs/book/README.md, "+
				"Pictures"))
		}
	}
	return findings
}

// svgFault says what is wrong with a drawing. isPair tells that the page has
// another one for dark pages.
func svgFault(content string, isPair bool) string {
	title := false
	d := xml.NewDecoder(strings.NewReader(content))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "is no XML: " + err.Error()
		}
		if start, ok := token.(xml.StartElement); ok {
			title = title || start.Name.Local == "title"
		}
	}
	switch {
	case !title:
		return "has no <title>"
	case !isPair && !strings.Contains(content, "prefers-color-scheme: dark"):
		return "has no colours for a dark page"
	}
	return ""
}
