package book

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Finding is something that is wrong in a page: what, where, and what to do.
type Finding struct {
	Path string // from the root of the repository
	Line int    // from 1
	What string
	Do   string
	Fix  *Edit // what -update does about it, or nil
}

// String is how a test shows a finding.
func (f Finding) String() string {
	do := f.Do
	if f.Fix != nil {
		do = "if the page should change: cd docs && go test . -update"
		if f.Do != "" {
			do += "; or " + f.Do
		}
	}
	return fmt.Sprintf("%s:%d: %s\nto do: %s", f.Path, f.Line,
		strings.TrimRight(f.What, "\n"), do)
}

// Edit replaces a part of a page.
type Edit struct {
	start, end int // in bytes
	text       string
}

// sortFindings puts findings in the order of the pages.
func sortFindings(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return findings
}

// Repair writes the pages with the fixes of all findings that have one. It
// returns the findings that remain.
func (b *Book) Repair(findings []Finding) ([]Finding, error) {
	fixes := map[string][]Edit{}
	var rest []Finding
	for _, f := range findings {
		if f.Fix == nil {
			rest = append(rest, f)
			continue
		}
		fixes[f.Path] = append(fixes[f.Path], *f.Fix)
	}
	for _, page := range b.Pages {
		edits := fixes[page.Path]
		if len(edits) == 0 {
			continue
		}
		text := applyEdits(string(page.Source), edits)
		name := filepath.Join(b.Root, page.Path)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// applyEdits makes all edits. They must not overlap; if two do, the first wins
// and the next run finds the other.
func applyEdits(text string, edits []Edit) string {
	slices.SortFunc(edits, func(a, b Edit) int {
		return cmp.Compare(a.start, b.start)
	})
	var out strings.Builder
	done := 0
	for _, e := range edits {
		if e.start < done {
			continue
		}
		out.WriteString(text[done:e.start] + e.text)
		done = e.end
	}
	return out.String() + text[done:]
}
