package book

import (
	"regexp"
	"slices"
	"strings"
)

// Rules is what the tests demand of the pages beyond being true.
type Rules struct {
	// Course is the headings of level 2 that a chapter on a step may have, in
	// this order.
	Course []string
	// Tail is the headings with which any other chapter may end, in this order.
	Tail []string
	// FewestWords and MostWords limit the text of a chapter outside fences.
	FewestWords, MostWords int
	// FewestQuestions and MostQuestions limit the questions of a chapter.
	FewestQuestions, MostQuestions int
	// WholeDiff is the numbers of the chapters that show all that changes in
	// main.go.
	WholeDiff []string
	// Uncovered allows chapters to leave declarations out.
	Uncovered bool
	// Hosts is how the links to other sites may begin, without https://.
	Hosts []*regexp.Regexp
}

// DefaultRules is the rules of this book.
var DefaultRules = Rules{
	Course: []string{
		"What the last step cannot do",
		"The easy version",
		"The idea",
		"The code",
		"See it",
		"What goes wrong",
		"What it costs",
		laterHeading,
		"Exercises",
		"Questions",
		"Further",
	},
	Tail:            []string{"Exercises", "Questions", "Further"},
	FewestWords:     1000,
	MostWords:       3000,
	FewestQuestions: 3,
	MostQuestions:   6,
	WholeDiff:       []string{"03", "04", "05", "07"},
	Hosts:           hosts(stableHosts),
}

// stableHosts is the addresses that a link may lead to: they have stayed the
// same for years, and promise to. A link to code names a version, since a
// branch moves on.
const stableHosts = `
	www\.rfc-editor\.org/(rfc|info)/
	man7\.org/linux/man-pages/
	www\.iana\.org/assignments/
	docs\.kernel\.org/
	www\.kernel\.org/doc/
	git\.kernel\.org/.*\?(id|h)=
	pkg\.go\.dev/
	go\.dev/
	github\.com/[^/]+/[^/]+$
	github\.com/[^/]+/[^/]+/(blob|tree)/(v?\d|go1\.|release-|[0-9a-f]{40}/)
	developer\.mozilla\.org/
	learn\.microsoft\.com/windows/wsl
	curl\.se/
	nginx\.org/en/
	www\.haproxy\.org/
	docs\.haproxy\.org/
	redis\.io/docs/
	nodejs\.org/
	en\.wikipedia\.org/wiki/
	mermaid\.js\.org/
	www\.kegel\.com/c10k
	kernel\.dk/io_uring
`

func hosts(list string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, pattern := range strings.Fields(list) {
		out = append(out, regexp.MustCompile("^"+pattern))
	}
	return out
}

// wholeDiff reports whether a chapter must show all of a diff.
func (r Rules) wholeDiff(p *Page) bool {
	m := chapterName.FindStringSubmatch(p.Path)
	return m != nil && slices.Contains(r.WholeDiff, m[1])
}
