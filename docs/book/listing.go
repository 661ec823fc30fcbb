package book

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// listingLangs are the languages of fences that show a file of the repository.
var listingLangs = []string{"go", "bash", "c", "conf", "css", "dockerfile",
	"haproxy", "html", "ini", "js", "json", "makefile", "nginx", "python",
	"sh", "yaml"}

// shown tells which lines of which files the book shows, or leaves out in so
// many words.
type shown map[string]map[int]bool

func (s shown) add(file string, line int) {
	if s[file] == nil {
		s[file] = map[int]bool{}
	}
	s[file][line] = true
}

// checkListing compares a listing with the file that its label names, and
// notes which lines it shows.
func (b *Book) checkListing(f *Fence, seen shown) []Finding {
	l := f.label
	from, _ := l.cutOption("from")
	to, _ := l.cutOption("to")
	file, names := "", []string(nil)
	if words := l.texts(); len(words) > 0 {
		file, names = words[0], words[1:]
	}
	if file == "" || path.Clean(file) != file || strings.HasPrefix(file, "..") {
		return []Finding{f.finding("a listing that does not say what it shows",
			"name a file of the repository and what of it, such as "+
				"```go step02-static/conn.go serve")}
	}
	content, err := b.read(file)
	if err != nil {
		return []Finding{f.finding("there is no file "+file,
			"correct the label: the path begins at the root of the repository")}
	}
	code, err := excerptOf(file, content, names)
	if err == nil {
		code, err = code.cut(from, to)
	}
	if err != nil {
		return []Finding{f.finding(fmt.Sprintf("%s: %v", file, err),
			"correct the label")}
	}
	lines := splitLines(f.Text)
	if _, ok := matchElided(lines, code.lines); ok {
		for _, n := range code.numbers {
			seen.add(file, n)
		}
		return nil
	}
	return []Finding{f.stale("the listing is not what "+file+" has", lines,
		code.lines)}
}

// stale is the finding about a fence that is not what it should be.
func (f *Fence) stale(what string, lines, wanted []string) Finding {
	renewed, err := renew(lines, wanted)
	if err != nil {
		return f.finding(what+":\n"+
			diffText(joinLines(lines), joinLines(wanted)), err.Error())
	}
	finding := f.finding(what+":\n"+
		diffText(joinLines(lines), joinLines(renewed)), "correct the label")
	if slices.Equal(renewed, lines) {
		// The lines around an elision are there, but not in one piece.
		finding.Do = errElided.Error()
		return finding
	}
	finding.Fix = f.replace(joinLines(renewed))
	return finding
}
