package book

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shape is a part of a line that differs from run to run.
type shape struct {
	kind string
	re   *regexp.Regexp // the first group is what differs
}

// shapes are all of them. Where two overlap, the first one counts.
//
// An id, a descriptor or a port stands for itself: if a page shows the same
// number twice, it must be the same in reality, and if it shows two numbers,
// they must differ. A duration must be about as long: see sameDuration.
// Anything else of the same shape will do.
var shapes = []shape{
	{"date", regexp.MustCompile(
		`((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [\d:]{8} GMT)`)},
	{"date", regexp.MustCompile(`\b(\d{4}-\d\d-\d\d(?:[T ][\d:.]+)?)`)},
	{"clock", regexp.MustCompile(`\b(\d\d:\d\d:\d\d(?:\.\d+)?)\b`)},
	{"version", regexp.MustCompile(
		`\b[A-Za-z][\w-]*[/ ]v?(\d+\.\d+\.\d+[\w.+-]*)`)},
	{"version", regexp.MustCompile(`\bgo(1\.\d+(?:\.\d+)?)\b`)},
	{"duration", regexp.MustCompile(`\b(\d+m\d+\.\d+s)\b`)},
	{"duration", regexp.MustCompile(
		`\b(\d+(?:\.\d+)? ?(?:ns|µs|us|ms|s|milliseconds|seconds))\b`)},
	{"duration", regexp.MustCompile(`<(\d+\.\d{6})>`)},
	{"ms", regexp.MustCompile(`\bdur=(\d+\.\d+)`)},
	{"id", regexp.MustCompile(
		`\b(?:[pt]id|PID|[Pp]rocess|[Tt]hread)[ =]+(\d+)\b`)},
	{"port", regexp.MustCompile(`(?:[\d*\]]|localhost):(\d{5})\b`)},
	{"port", regexp.MustCompile(`\bport (\d{5})\b`)},
	{"port", regexp.MustCompile(`\bhtons\((\d{5})\)`)},
	{"fd", regexp.MustCompile(`\bfd=(\d+)`)},
	{"fd", regexp.MustCompile(`\b(?:accept4?|bind|close|connect|epoll_\w+|` +
		`fcntl|getsockname|getsockopt|listen|read|recvfrom|sendto|` +
		`setsockopt|shutdown|write)\((\d+)`)},
	{"fd", regexp.MustCompile(`\b(?:accept4?|dup|epoll_create1|openat|` +
		`socket)\(.*\) += (\d+)`)},
	{"address", regexp.MustCompile(`\b(0x[0-9a-f]{6,})\b`)},
	{"terminal", regexp.MustCompile(`\b(pts/\d+|tty\d+)\b`)},
}

// columns are the columns of tables (of ps, top) whose values have a shape. The
// head of the table names them.
var columns = map[string]string{
	"PID": "id", "PPID": "id", "LWP": "id", "SPID": "id", "TID": "id",
	"PGID": "id", "SID": "id", "SESS": "id",
	"TTY": "terminal", "TT": "terminal",
	"TIME": "clock", "ELAPSED": "clock", "STARTED": "clock", "STIME": "clock",
	"START": "clock", "%CPU": "amount", "%MEM": "amount", "RSS": "amount",
	"VSZ": "amount", "SZ": "amount", "C": "amount",
}

// piece is a part of a line: literal, if it has no kind.
type piece struct {
	kind, text string
	start, end int // in the line
}

// tokenizer splits lines. It remembers the head of a table.
type tokenizer struct {
	varies []*regexp.Regexp
	table  map[int]string // kind of each column
}

// split splits a line into tokens. Runs of blanks count as one blank.
func (z *tokenizer) split(line string) []piece {
	line = strings.TrimRight(line, " \t")
	var out []piece
	done := len(line) - len(strings.TrimLeft(line, " \t"))
	for _, t := range z.find(line) {
		if t.start < done {
			continue
		}
		if t.start > done {
			out = append(out, literal(line, done, t.start))
		}
		out = append(out, t)
		done = t.end
	}
	if done < len(line) {
		out = append(out, literal(line, done, len(line)))
	}
	return out
}

var blanks = regexp.MustCompile(`[ \t]+`)

func literal(line string, start, end int) piece {
	return piece{"", blanks.ReplaceAllString(line[start:end], " "), start, end}
}

// find returns the parts of a line that differ from run to run, in order.
func (z *tokenizer) find(line string) []piece {
	var found []piece
	for _, re := range z.varies {
		for _, m := range re.FindAllStringSubmatchIndex(line, -1) {
			group := m[len(m)-2:]
			found = append(found, piece{"varies", "", group[0], group[1]})
		}
	}
	found = append(found, z.cells(line)...)
	for _, s := range shapes {
		for _, m := range s.re.FindAllStringSubmatchIndex(line, -1) {
			found = append(found, piece{s.kind, "", m[2], m[3]})
		}
	}
	var out []piece
	for _, t := range found {
		t.text = line[t.start:t.end]
		n, _ := strconv.Atoi(t.text)
		if t.kind == "port" && n < 32768 || t.kind == "id" && n == 0 {
			continue // not one that the kernel has picked
		}
		if !slices.ContainsFunc(out, func(o piece) bool {
			return t.start < o.end && o.start < t.end
		}) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b piece) int { return a.start - b.start })
	return out
}

var cell = regexp.MustCompile(`\S+`)

// cells returns the tokens of a row of a table. The head of a table begins it.
func (z *tokenizer) cells(line string) []piece {
	head := map[int]string{}
	var out []piece
	for i, at := range cell.FindAllStringIndex(line, -1) {
		if kind := columns[line[at[0]:at[1]]]; kind != "" {
			head[i] = kind
		}
		if kind := z.table[i]; kind != "" {
			out = append(out, piece{kind, "", at[0], at[1]})
		}
	}
	if len(head) > 0 && line == strings.ToUpper(line) ||
		strings.Contains(line, "PID ") {
		z.table = head
		return nil
	}
	return out
}

// bindings tell which number of a page stands for which real one.
type bindings struct {
	real, shown map[string]string // "id 4242" to "17", and back
	shift       int               // from real ids to those of a page, if known
}

func newBindings() *bindings {
	return &bindings{real: map[string]string{}, shown: map[string]string{}}
}

func (b *bindings) clone() *bindings {
	return &bindings{maps.Clone(b.real), maps.Clone(b.shown), b.shift}
}

// forget drops what holds within one fence only: descriptors are used again.
func (b *bindings) forget(kind string) {
	inKind := func(k, _ string) bool { return strings.HasPrefix(k, kind+" ") }
	maps.DeleteFunc(b.real, inKind)
	maps.DeleteFunc(b.shown, inKind)
}

// bind reports whether shown can stand for real, and notes that it does.
func (b *bindings) bind(kind, shown, real string) bool {
	r, known1 := b.real[kind+" "+shown]
	s, known2 := b.shown[kind+" "+real]
	if known1 || known2 {
		return r == real && s == shown
	}
	b.real[kind+" "+shown], b.shown[kind+" "+real] = real, shown
	if kind == "id" && b.shift == 0 {
		x, _ := strconv.Atoi(shown)
		y, _ := strconv.Atoi(real)
		b.shift = x - y
	}
	return true
}

var number = regexp.MustCompile(`\b\d{4,}\b`)

// toReal puts the real process ids into a command, in place of those that the
// page shows.
func (b *bindings) toReal(command string) string {
	return number.ReplaceAllStringFunc(command, func(n string) string {
		if real, ok := b.real["id "+n]; ok {
			return real
		}
		return n
	})
}

// firstShown is the first process id in a page. The ids of a namespace are so
// small that they would not look like ids.
const firstShown = 4242

// show returns the id that stands in a page for a real one. New ones keep their
// distance from those that are there.
func (b *bindings) show(real string) string {
	if shown, ok := b.shown["id "+real]; ok {
		return shown
	}
	n, _ := strconv.Atoi(real)
	if b.shift == 0 {
		b.shift = firstShown - n
	}
	n += b.shift
	for !b.bind("id", strconv.Itoa(n), real) {
		n++
	}
	return strconv.Itoa(n)
}

// toShown makes a line for a page of a real one.
func (b *bindings) toShown(line string, tokens []piece) string {
	for _, t := range slices.Backward(tokens) {
		if t.kind != "id" {
			continue
		}
		shown := b.show(t.text)
		// In a table, the blanks before make room.
		before := line[:t.start]
		for range len(shown) - len(t.text) {
			if strings.HasSuffix(before, "  ") {
				before = before[:len(before)-1]
			}
		}
		line = before + shown + line[t.end:]
	}
	return line
}

// sameLine compares a line of a page with a real one.
func (b *bindings) sameLine(shown, real []piece) bool {
	cut := false // the page shows the beginning of the line alone
	if n := len(shown); n > 0 && shown[n-1].kind == "" {
		var rest string
		rest, cut = strings.CutSuffix(shown[n-1].text, " ...")
		if shown = slices.Clone(shown); cut && rest == "" {
			shown = shown[:n-1]
		} else {
			shown[n-1].text = rest
		}
	}
	if len(shown) > len(real) || len(shown) < len(real) && !cut {
		return false
	}
	for i, s := range shown {
		last := cut && i == len(shown)-1
		switch r := real[i]; {
		case s.kind != r.kind:
			return false
		case s.kind == "" && last && strings.HasPrefix(r.text, s.text):
		case !b.samePiece(s, r):
			return false
		}
	}
	return true
}

// samePiece compares two tokens of the same kind.
func (b *bindings) samePiece(shown, real piece) bool {
	switch shown.kind {
	case "":
		return shown.text == real.text
	case "id", "fd", "port":
		return b.bind(shown.kind, shown.text, real.text)
	case "duration":
		return sameDuration(shown.text, real.text)
	case "ms":
		return sameDuration(shown.text+"ms", real.text+"ms")
	}
	return true
}

// sameDuration reports whether two durations are about the same: one is not
// twice the other, or both are below half a second. So "takes 2 s and not 1 s"
// is checked, and a busy machine is no reason to fail.
func sameDuration(a, b string) bool {
	x, err1 := parseDuration(a)
	y, err2 := parseDuration(b)
	if err1 != nil || err2 != nil {
		return a == b
	}
	const short = 500 * time.Millisecond
	return x < short && y < short || x < 2*y && y < 2*x
}

var units = strings.NewReplacer(" ", "", "milliseconds", "ms", "seconds", "s")

func parseDuration(s string) (time.Duration, error) {
	s = units.Replace(s)
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		s += "s"
	}
	return time.ParseDuration(s)
}
