package book

import (
	"fmt"
	"regexp"
)

var (
	startLine = regexp.MustCompile(
		`^([A-Z]+ \S+ HTTP/1\.[01]|HTTP/1\.[01] \d{3} .+)$`)
	fieldLine = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?.*$")
)

// checkHTTP checks the form of a message: a start line, field lines, and after
// an empty line whatever the body is.
func (f *Fence) checkHTTP() []Finding {
	for i, line := range splitLines(f.Text) {
		switch {
		case i == 0 && startLine.MatchString(line),
			i > 0 && fieldLine.MatchString(line),
			elision.MatchString(line):
			continue
		case i > 0 && line == "":
			return nil
		}
		finding := f.finding(fmt.Sprintf("this line of a message is neither "+
			"a start line nor a field: %q", line), "write it as it is sent")
		finding.Line += i + 1
		return []Finding{finding}
	}
	return nil
}
