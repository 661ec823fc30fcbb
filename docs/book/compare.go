package book

import (
	"regexp"
	"slices"
	"strings"
)

// jobLine is what bash says about jobs in the background. When it does is a
// matter of luck, so such lines do not count.
var jobLine = regexp.MustCompile(`^\[\d+\][+-]? +(\d+$|Done|Exit|Running|` +
	`Terminated|Interrupt|Killed|Hangup)`)

// leftOut stands for any number of lines.
const leftOut = "..."

// countingLines returns the lines that count: no job lines, and no empty ones
// at the ends.
func countingLines(lines []string) []string {
	out := slices.DeleteFunc(slices.Clone(lines), jobLine.MatchString)
	empty := func(s string) bool { return strings.TrimSpace(s) == "" }
	for len(out) > 0 && empty(out[0]) {
		out = out[1:]
	}
	for len(out) > 0 && empty(out[len(out)-1]) {
		out = out[:len(out)-1]
	}
	return out
}

// matcher compares what a page shows with what came.
type matcher struct {
	want, got [][]piece
	gap       []bool // which lines of want are "..."
	anyOrder  bool
}

// newMatcher prepares for a comparison.
func (c *console) newMatcher(want, got []string) matcher {
	m := matcher{anyOrder: c.anyOrder}
	shown, real := tokenizer{varies: c.varies}, tokenizer{varies: c.varies}
	for _, line := range countingLines(want) {
		m.want = append(m.want, shown.split(line))
		m.gap = append(m.gap, strings.TrimSpace(line) == leftOut)
	}
	for _, line := range countingLines(got) {
		m.got = append(m.got, real.split(line))
	}
	return m
}

// match compares all lines. It returns the bindings that this makes.
func (m matcher) match(b *bindings) (*bindings, bool) {
	if m.anyOrder {
		return m.unordered(b, 0, make([]bool, len(m.got)))
	}
	return m.ordered(b, 0, 0)
}

// ordered compares the lines from i and j on.
func (m matcher) ordered(b *bindings, i, j int) (*bindings, bool) {
	for i < len(m.want) && !m.gap[i] {
		next := b.clone()
		if j == len(m.got) || !next.sameLine(m.want[i], m.got[j]) {
			return nil, false
		}
		b, i, j = next, i+1, j+1
	}
	if i == len(m.want) {
		return b, j == len(m.got)
	}
	for ; j <= len(m.got); j++ {
		if found, ok := m.ordered(b, i+1, j); ok {
			return found, true
		}
	}
	return nil, false
}

// unordered finds a line for each from i on that no other has used.
func (m matcher) unordered(b *bindings, i int, used []bool) (*bindings, bool) {
	for i < len(m.want) && m.gap[i] {
		i++
	}
	if i == len(m.want) {
		return b, slices.Contains(m.gap, true) || !slices.Contains(used, false)
	}
	for j := range m.got {
		next := b.clone()
		if used[j] || !next.sameLine(m.want[i], m.got[j]) {
			continue
		}
		used[j] = true
		if found, ok := m.unordered(next, i+1, used); ok {
			return found, true
		}
		used[j] = false
	}
	return nil, false
}

// render writes what came as a page would show it. Lines that are as expected
// stay as they are.
func (c *console) render(want, got []string, b *bindings) []string {
	want, got = countingLines(want), countingLines(got)
	shown, real := tokenizer{varies: c.varies}, tokenizer{varies: c.varies}
	var wanted [][]piece
	for _, line := range want {
		wanted = append(wanted, shown.split(line))
	}
	var out []string
	next := 0
	for _, line := range got {
		tokens := real.split(line)
		for i := next; i <= len(want); i++ {
			if i == len(want) {
				line = b.toShown(strings.TrimRight(line, " \t"), tokens)
				break
			}
			trial := b.clone()
			if trial.sameLine(wanted[i], tokens) {
				*b = *trial
				line, next = want[i], i+1
				break
			}
		}
		out = append(out, line)
	}
	return out
}
