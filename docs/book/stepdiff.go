package book

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// diffLine is a line of a unified diff, and what it stands for.
type diffLine struct {
	text     string
	old, new int // the number of the line that it removes or adds, or 0
	same     int // the number in the new file of a line of context, or 0
	hunk     int // from 1; 0 for the head of the diff
}

// stepDiff computes the diff of a file between two steps. A step without the
// file has an empty one.
func (b *Book) stepDiff(before, after, file string, context int) ([]diffLine,
	error) {
	old, err1 := b.read(before + "/" + file)
	new, err2 := b.read(after + "/" + file)
	if err1 != nil && err2 != nil {
		return nil, fmt.Errorf("neither %s nor %s has a file %s", before,
			after, file)
	}
	text, err := udiff.ToUnified(before+"/"+file, after+"/"+file, old,
		udiff.Lines(old, new), context)
	if err != nil {
		return nil, err
	}
	return numberDiff(splitLines(text))
}

// numberDiff finds out which lines of the files a unified diff is about.
func numberDiff(lines []string) ([]diffLine, error) {
	var out []diffLine
	var old, new, hunk int
	for i, text := range lines {
		l := diffLine{text: text}
		switch {
		case i < 2:
			// The names of the files.
		case strings.HasPrefix(text, "@@"):
			hunk++
			var err error
			if old, new, err = hunkStart(text); err != nil {
				return nil, err
			}
		case strings.HasPrefix(text, "-"):
			l.old = old
			old++
		case strings.HasPrefix(text, "+"):
			l.new = new
			new++
		default:
			l.same = new
			old, new = old+1, new+1
		}
		l.hunk = hunk
		out = append(out, l)
	}
	return out, nil
}

// hunkStart reads a line such as "@@ -1,5 +1,6 @@".
func hunkStart(line string) (old, new int, err error) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return 0, 0, fmt.Errorf("no head of a hunk: %s", line)
	}
	if _, err = fmt.Sscanf(fields[1], "-%d", &old); err == nil {
		_, err = fmt.Sscanf(fields[2], "+%d", &new)
	}
	return old, new, err
}

// checkDiff compares a diff with what the two steps that its label names have.
// It notes which lines it shows, in changed as file and number: old lines with
// a minus, new ones with a plus.
func (b *Book) checkDiff(f *Fence, seen shown, changed map[string]bool,
) []Finding {
	l := f.label
	context, given := l.cutNumber("context")
	if !given {
		context = 3
	}
	from, _ := l.cutOption("from")
	to, _ := l.cutOption("to")
	hunk, oneHunk := l.cutOption("hunk")
	words := l.texts()
	if len(words) != 3 {
		return []Finding{f.finding("a diff that does not say of what",
			"name two steps and a file, such as ```diff step03-process "+
				"step04-threads main.go")}
	}
	lines, err := b.stepDiff(words[0], words[1], words[2], context)
	if err == nil && len(lines) == 0 {
		err = fmt.Errorf("%s is the same in both", words[2])
	}
	if err == nil && oneHunk {
		lines, err = chooseHunk(lines, hunk)
	}
	if err == nil {
		lines, err = cutDiff(lines, from, to)
	}
	if err != nil {
		return []Finding{f.finding("the diff: "+err.Error(),
			"correct the label")}
	}
	return f.compareDiff(lines, words, seen, changed)
}

// compareDiff compares the lines of a diff with those that a fence shows.
func (f *Fence) compareDiff(lines []diffLine, words []string, seen shown,
	changed map[string]bool) []Finding {
	var wanted []string
	for _, line := range lines {
		wanted = append(wanted, line.text)
	}
	shownLines := splitLines(f.Text)
	visible, ok := matchElided(shownLines, wanted)
	if !ok {
		return []Finding{f.stale("the diff is not what the steps have",
			shownLines, wanted)}
	}
	for i, line := range lines {
		if !visible[i] {
			continue
		}
		seen.add(words[1]+"/"+words[2], max(line.new, line.same))
		changed[changeKey(words[0]+"/"+words[2], line.old, "-")] = true
		changed[changeKey(words[1]+"/"+words[2], line.new, "+")] = true
	}
	return nil
}

// changeKey names a removed or added line.
func changeKey(file string, line int, sign string) string {
	return fmt.Sprintf("%s%s:%d", sign, file, line)
}

// chooseHunk returns the one hunk that changes a line with a text.
func chooseHunk(lines []diffLine, text string) ([]diffLine, error) {
	hits := map[int]bool{}
	for _, l := range lines {
		if l.old+l.new > 0 && strings.Contains(l.text, text) {
			hits[l.hunk] = true
		}
	}
	if len(hits) != 1 {
		return nil, fmt.Errorf("%d hunks change a line with the text %q: it "+
			"must be one", len(hits), text)
	}
	var out []diffLine
	for _, l := range lines {
		if hits[l.hunk] {
			out = append(out, l)
		}
	}
	return out, nil
}

// cutDiff reduces a diff to the lines between two texts.
func cutDiff(lines []diffLine, from, to string) ([]diffLine, error) {
	var e excerpt
	for i, l := range lines {
		e.add(i, l.text)
	}
	e, err := e.cut(from, to)
	if err != nil {
		return nil, err
	}
	return lines[e.numbers[0] : e.numbers[len(e.numbers)-1]+1], nil
}

// checkWholeDiff demands that a chapter shows all that its step changes in
// main.go, if the rules say so.
func (b *Book) checkWholeDiff(c chapter, changed map[string]bool) []Finding {
	if !b.Rules.wholeDiff(c.page) || c.before == "" || c.step == "" {
		return nil
	}
	const file = "main.go"
	lines, err := b.stepDiff(c.before, c.step, file, 0)
	if err != nil {
		return []Finding{c.page.finding(1, err.Error(), "add the file")}
	}
	var missing []string
	for _, l := range lines {
		old := changeKey(c.before+"/"+file, l.old, "-")
		new := changeKey(c.step+"/"+file, l.new, "+")
		if l.old > 0 && !changed[old] || l.new > 0 && !changed[new] {
			missing = append(missing, l.text)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []Finding{c.page.finding(1, fmt.Sprintf("%d changed lines of %s "+
		"are in no diff of this chapter:\n%s", len(missing), file,
		shorten(missing, 12)), fmt.Sprintf("show them in a fence such as "+
		"```diff %s %s %s", c.before, c.step, file))}
}

// shorten joins lines, and leaves out those beyond the first few.
func shorten(lines []string, most int) string {
	if len(lines) > most {
		rest := len(lines) - most
		lines = append(lines[:most:most], fmt.Sprintf("(and %d more)", rest))
	}
	return strings.Join(lines, "\n")
}
