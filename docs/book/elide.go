package book

import (
	"errors"
	"regexp"
	"slices"

	"github.com/aymanbagabas/go-udiff"
)

// elision is a line that stands for lines that are left out, such as "// ...".
var elision = regexp.MustCompile(`^\s*(//|#|/\*|<!--|;)? ?\.\.\.( .*)?$`)

// matchElided compares shown lines with the lines of an excerpt. It returns for
// each line of the excerpt whether it is shown or left out by an elision; ok
// tells whether all fits: what stands between elisions must be there, in this
// order and in one piece.
func matchElided(shown, code []string) (isShown []bool, ok bool) {
	isShown = make([]bool, len(code))
	mark := func(from, n int) int {
		for i := from; i < from+n; i++ {
			isShown[i] = true
		}
		return from + n
	}
	parts := splitElided(shown)
	if len(parts) == 1 {
		mark(0, len(code))
		return isShown, slices.Equal(shown, code)
	}
	first, last := parts[0], parts[len(parts)-1]
	if !hasAt(code, first, 0) {
		return isShown, false
	}
	at := mark(0, len(first))
	for _, part := range parts[1 : len(parts)-1] {
		at++ // an elision stands for one line or more
		for !hasAt(code, part, at) {
			if at++; at > len(code) {
				return isShown, false
			}
		}
		at = mark(at, len(part))
	}
	end := len(code) - len(last)
	if end <= at || !hasAt(code, last, end) {
		return isShown, false
	}
	mark(end, len(last))
	return isShown, true
}

// splitElided splits lines at the elisions.
func splitElided(lines []string) [][]string {
	parts := [][]string{nil}
	for _, line := range lines {
		if elision.MatchString(line) {
			parts = append(parts, nil)
			continue
		}
		last := len(parts) - 1
		parts[last] = append(parts[last], line)
	}
	return parts
}

// hasAt reports whether code has the lines of part at an index.
func hasAt(code, part []string, at int) bool {
	return at+len(part) <= len(code) &&
		slices.Equal(code[at:at+len(part)], part)
}

// errElided is why a listing cannot be made again by a machine.
var errElided = errors.New(`what stands around a line "..." has changed, so ` +
	"it is not certain where it belongs: write this fence again by hand")

// renew makes the shown lines again from the code, with the elisions where they
// were.
func renew(shown, code []string) ([]string, error) {
	pairs := align(shown, code)
	out := code
	for i := len(shown) - 1; i >= 0; i-- {
		if !elision.MatchString(shown[i]) {
			continue
		}
		before, after := -1, len(code)
		known := true
		if i > 0 {
			before, known = pairs[i-1]
		}
		if i+1 < len(shown) && known {
			after, known = pairs[i+1]
		}
		if !known || after-before < 2 {
			return nil, errElided
		}
		out = slices.Concat(out[:before+1], shown[i:i+1], out[after:])
	}
	return out, nil
}

// align returns which line of b each line of a is, if they have it in common.
func align(a, b []string) map[int]int {
	pairs := map[int]int{}
	old, new := joinLines(a), joinLines(b)
	edits := udiff.Lines(old, new)
	if len(edits) == 0 {
		for i := range a {
			pairs[i] = i
		}
		return pairs
	}
	d, err := udiff.ToUnifiedDiff("", "", old, edits, len(a)+1)
	if err != nil {
		return pairs
	}
	for _, hunk := range d.Hunks {
		i, j := max(hunk.FromLine-1, 0), max(hunk.ToLine-1, 0)
		for _, line := range hunk.Lines {
			if line.Kind == udiff.Equal {
				pairs[i] = j
			}
			if line.Kind != udiff.Insert {
				i++
			}
			if line.Kind != udiff.Delete {
				j++
			}
		}
	}
	return pairs
}

// diffText shows how a fence differs from what it should be.
func diffText(shown, wanted string) string {
	return udiff.Unified("the page", "what it should be", shown, wanted)
}
