package book

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// word is one word of a label. A quoted word may contain spaces.
type word struct {
	text   string
	quoted bool
}

// label is what stands behind the opening of a fence. GitHub shows only what
// the language makes of the text, and nothing of the words after it.
type label struct {
	lang  string
	words []word
}

// parseLabel splits an info string into its words. Words in double quotes are
// written as in Go.
func parseLabel(info string) (label, error) {
	var l label
	rest := strings.TrimSpace(info)
	for rest != "" {
		var w word
		if rest[0] == '"' {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return l, fmt.Errorf("the label has a quote without end: %s",
					rest)
			}
			w.text, _ = strconv.Unquote(quoted)
			w.quoted = true
			rest = rest[len(quoted):]
		} else {
			w.text, rest, _ = strings.Cut(rest, " ")
		}
		rest = strings.TrimLeft(rest, " ")
		l.words = append(l.words, w)
	}
	if len(l.words) > 0 && !l.words[0].quoted {
		l.lang, l.words = l.words[0].text, l.words[1:]
	}
	return l, nil
}

// cutOption removes an option and its quoted value, such as from "func", and
// returns the value.
func (l *label) cutOption(name string) (value string, found bool) {
	for i, w := range l.words {
		if !w.quoted && w.text == name && i+1 < len(l.words) &&
			l.words[i+1].quoted {
			value = l.words[i+1].text
			l.words = slices.Delete(slices.Clone(l.words), i, i+2)
			return value, true
		}
	}
	return "", false
}

// cutNumber removes an option and its number, such as context 1.
func (l *label) cutNumber(name string) (n int, found bool) {
	for i, w := range l.words {
		if w.quoted || w.text != name || i+1 >= len(l.words) {
			continue
		}
		n, err := strconv.Atoi(l.words[i+1].text)
		if err == nil {
			l.words = slices.Delete(slices.Clone(l.words), i, i+2)
			return n, true
		}
	}
	return 0, false
}

// texts returns the words that are left.
func (l *label) texts() []string {
	var texts []string
	for _, w := range l.words {
		texts = append(texts, w.text)
	}
	return texts
}
