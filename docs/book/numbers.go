package book

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// resultsFile holds what was measured.
const resultsFile = "docs/measurements.json"

// unmeasured stands in a page where a number is still to come.
const unmeasured = "unmeasured"

// numberMark is a measured number in a page, such as
//
//	<!-- number step07.request.us %.1f -->16.2<!-- -->
//
// The format may be left out.
var numberMark = regexp.MustCompile(
	`<!-- number ([\w.-]+)(?: (%\.\df))? -->(.*?)<!-- -->`)

// numberOpen is the beginning of one, to find those with a mistake.
var numberOpen = regexp.MustCompile(`<!-- ?number\b`)

// checkNumbers compares the numbers of a page with the results.
func (b *Book) checkNumbers(p *Page) []Finding {
	text := p.withoutFences()
	var findings []Finding
	marks := numberMark.FindAllStringSubmatchIndex(text, -1)
	for _, m := range marks {
		findings = append(findings, b.checkNumber(p, text, m)...)
	}
	for _, open := range numberOpen.FindAllStringIndex(text, -1) {
		if !slices.ContainsFunc(marks, func(m []int) bool {
			return m[0] == open[0]
		}) {
			findings = append(findings, p.finding(p.lineAt(open[0]),
				"this number is not marked as it should be", "write "+
					"<!-- number key -->12.3<!-- --> in one line"))
		}
	}
	return findings
}

// checkNumber checks one number. m is where the mark is, and its parts.
func (b *Book) checkNumber(p *Page, text string, m []int) []Finding {
	key, shown := text[m[2]:m[3]], text[m[6]:m[7]]
	format := ""
	if m[4] >= 0 {
		format = text[m[4]:m[5]]
	}
	line := p.lineAt(m[0])
	wanted, err := b.result(key, format)
	switch {
	case err == nil && shown == wanted,
		errors.Is(err, errNoResult) && shown == unmeasured:
		return nil
	case err != nil:
		return []Finding{p.finding(line, fmt.Sprintf("the number %s: %v", key,
			err), "measure it; until then write "+unmeasured)}
	}
	f := p.finding(line, fmt.Sprintf("the number %s is %s in %s, not %q", key,
		wanted, resultsFile, shown), "")
	f.Fix = &Edit{m[6], m[7], wanted}
	return []Finding{f}
}

// errNoResult is why a page may still say that something is unmeasured.
var errNoResult = errors.New(resultsFile + " does not have it")

// result returns a number of the results file. The key names the objects on the
// way, with dots between them.
func (b *Book) result(key, format string) (string, error) {
	content, err := b.read(resultsFile)
	if err != nil {
		return "", errNoResult
	}
	var value any
	if err := json.Unmarshal([]byte(content), &value); err != nil {
		return "", fmt.Errorf("%s: %w", resultsFile, err)
	}
	for part := range strings.SplitSeq(key, ".") {
		object, _ := value.(map[string]any)
		found := false
		if value, found = object[part]; !found {
			return "", errNoResult
		}
	}
	number, ok := value.(float64)
	if !ok {
		return "", fmt.Errorf("%s has no number there", resultsFile)
	}
	if format != "" {
		return fmt.Sprintf(format, number), nil
	}
	return strconv.FormatFloat(number, 'f', -1, 64), nil
}

// withoutFences is the source with spaces in place of the fences, so that
// offsets stay.
func (p *Page) withoutFences() string {
	text := slices.Clone(p.Source)
	for _, f := range p.Fences {
		for i := range len(f.Text) {
			if text[f.start+i] != '\n' {
				text[f.start+i] = ' '
			}
		}
	}
	return string(text)
}

// quantity matches what looks measured: times, rates and ratios.
var quantity = regexp.MustCompile(`(?:\d[\d.,]*\d|\d)[ \x{a0}]?` +
	`(?:ns|µs|μs|us|ms|s|nanoseconds?|microseconds?|milliseconds?|seconds?|` +
	`minutes?|×|%|times (?:faster|slower|as|more|less)|` +
	`(?:requests|responses|connections|switches)(?: ?/ ?s| a second| per ` +
	`second))(?:\b|[\s.,;:)]|$)|× ?\d[\d.,]*`)

// settings is a list of quantities that are set and not measured, such as
//
//	<!-- set: 5 s, 100 ms -->
var settings = regexp.MustCompile(`<!-- set: (.*?) -->`)

// checkQuantities finds numbers that look measured, and are written by hand.
func (b *Book) checkQuantities(p *Page) []Finding {
	allowed := map[string]bool{}
	for _, m := range settings.FindAllSubmatch(p.Source, -1) {
		for s := range strings.SplitSeq(string(m[1]), ", ") {
			allowed[s] = true
		}
	}
	var findings []Finding
	text := p.prose()
	for _, at := range quantity.FindAllStringIndex(text, -1) {
		found := strings.TrimRight(text[at[0]:at[1]], " \n.,;:)")
		if allowed[found] {
			continue
		}
		findings = append(findings, p.finding(p.lineAt(at[0]), fmt.Sprintf(
			"the text says %q, and nothing keeps that true", found),
			"if it is measured: <!-- number key -->…<!-- -->; if it is set "+
				"in the code or the system: <!-- set: "+found+" --> once in "+
				"this page"))
	}
	return findings
}

// prose is the source with spaces in place of all that is not running text:
// fences, code, comments, marked numbers and addresses.
func (p *Page) prose() string {
	text := []byte(p.withoutFences())
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if text[i] != '\n' {
				text[i] = ' '
			}
		}
	}
	for _, re := range []*regexp.Regexp{numberMark, comment, target} {
		for _, at := range re.FindAllIndex(text, -1) {
			blank(at[0], at[1])
		}
	}
	_ = ast.Walk(p.tree, func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		span, ok := n.(*ast.CodeSpan)
		if !ok || !enter {
			return ast.WalkContinue, nil
		}
		for c := span.FirstChild(); c != nil; c = c.NextSibling() {
			if t, ok := c.(*ast.Text); ok {
				blank(t.Segment.Start, t.Segment.Stop)
			}
		}
		return ast.WalkSkipChildren, nil
	})
	return string(text)
}

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->`)
	// target matches where links lead.
	target = regexp.MustCompile(`\]\([^)]*\)|<https?:[^>]*>`)
)
