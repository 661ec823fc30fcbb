package book

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"
)

// console is a fence with commands and what they print.
type console struct {
	fence    *Fence
	server   string // the command that starts a server of its own, or ""
	terminal string
	varies   []*regexp.Regexp
	anyOrder bool
	limit    time.Duration
	tools    []string // that the commands need
	acts     []act
}

// act is one thing that the reader does in a terminal, and what it shows then.
type act struct {
	input []string // the lines of the fence that say what to do
	send  string   // what to write to the terminal
	kind  actKind
	line  int      // in the page
	want  []string // the lines that the terminal shall show
}

// actKind tells acts apart.
type actKind int

const (
	look    actKind = iota // nothing is done: the terminal shows more
	command                // a line after a $
	typing                 // a line for the program that runs
	key                    // ^C and the like
)

// defaultLimit is how long an act of a console fence may take. It is long: the
// first run of a step compiles it.
const defaultLimit = 30 * time.Second

// parseConsole reads a console fence.
func (b *Book) parseConsole(f *Fence) (console, []Finding) {
	c := console{fence: f, terminal: "1", limit: defaultLimit}
	typed, err := c.readLabel(b, f.label)
	if err == nil {
		err = c.readActs(typed)
	}
	if err != nil {
		return c, []Finding{f.finding("the console fence: "+err.Error(),
			"see docs/book/README.md, Commands")}
	}
	return c, nil
}

// readLabel reads the options of a label, and then the step with its flags. It
// returns how many lines are typed into a running program.
func (c *console) readLabel(b *Book, l label) (typed int, err error) {
	for value, ok := l.cutOption("varies"); ok; {
		re, err := regexp.Compile(value)
		if err != nil {
			return 0, err
		}
		c.varies = append(c.varies, re)
		value, ok = l.cutOption("varies")
	}
	words := l.texts()
	for len(words) >= 2 {
		value := words[1]
		switch words[0] {
		case "terminal":
			c.terminal = value
		case "types":
			_, err = fmt.Sscan(value, &typed)
		case "limit":
			c.limit, err = time.ParseDuration(value)
		case "needs":
			c.tools = append(c.tools, value)
		case "any":
			if c.anyOrder = value == "order"; !c.anyOrder {
				err = fmt.Errorf("unknown words in the label: any %s", value)
			}
		default:
			return typed, c.readServer(b, words)
		}
		if err != nil {
			return typed, err
		}
		words = words[2:]
	}
	return typed, c.readServer(b, words)
}

// readServer reads the step that a label names, with its flags.
func (c *console) readServer(b *Book, words []string) error {
	if len(words) == 0 {
		return nil
	}
	info, err := os.Stat(filepath.Join(b.Root, words[0]))
	if err != nil || !info.IsDir() {
		return fmt.Errorf("the label names neither an option nor a step: %q",
			words[0])
	}
	if c.terminal != "1" {
		return fmt.Errorf("a fence with a server of its own has one terminal")
	}
	c.server = "go run ./" + strings.Join(words, " ")
	return nil
}

// readActs splits the text of the fence.
func (c *console) readActs(typed int) error {
	lines := splitLines(c.fence.Text)
	c.acts = []act{{kind: look, line: c.fence.Line + 1}}
	lastCommand := 0 // the index of its act
	for i := 0; i < len(lines); {
		a, err := c.readAct(lines[i:])
		if err != nil {
			return err
		}
		a.line = c.fence.Line + 1 + i
		if a.kind == look {
			last := &c.acts[len(c.acts)-1]
			last.want = append(last.want, lines[i])
			i++
			continue
		}
		c.acts = append(c.acts, a)
		if a.kind == command {
			lastCommand = len(c.acts) - 1
		}
		i += len(a.input)
	}
	if err := c.splitTyped(lastCommand, typed); err != nil {
		return err
	}
	if len(c.acts[0].want) == 0 {
		c.acts = c.acts[1:]
	}
	if len(c.acts) == 0 {
		return fmt.Errorf("it is empty")
	}
	return nil
}

// readAct reads what the first of some lines says to do. If that is nothing,
// the line is output.
func (c *console) readAct(lines []string) (act, error) {
	line := lines[0]
	if rest, ok := strings.CutPrefix(line, "$ "); ok {
		tools, n, err := readCommand(rest, lines[1:])
		c.tools = append(c.tools, tools...)
		a := act{kind: command, input: lines[:1+n]}
		a.send = strings.TrimPrefix(joinLines(a.input), "$ ")
		return a, err
	}
	if len(line) < 2 || keys[line[:2]] == "" {
		return act{}, nil
	}
	a := act{kind: key, send: keys[line[:2]], input: []string{line[:2]}}
	if after := line[2:]; after != "" {
		a.want = []string{after}
	}
	return a, nil
}

// keys are what a terminal sends for the keys that a page shows.
var keys = map[string]string{"^C": "\x03", "^D": "\x04", "^Z": "\x1a"}

// splitTyped makes an act of the lines that the reader types into a program:
// the first ones after the last command.
func (c *console) splitTyped(at, n int) error {
	if n > len(c.acts[at].want) {
		return fmt.Errorf("it has less than %d lines after its last command",
			n)
	}
	if n > 0 {
		first := &c.acts[at]
		typed := act{input: first.want[:n], send: joinLines(first.want[:n]),
			kind: typing, line: first.line + len(first.input),
			want: first.want[n:]}
		first.want = nil
		c.acts = slices.Insert(c.acts, at+1, typed)
	}
	return nil
}

// readCommand finds out how many more lines belong to a command, and which
// tools it needs.
func readCommand(text string, more []string) (tools []string, n int,
	err error) {
	for ; ; n++ {
		parser := syntax.NewParser(syntax.Variant(syntax.LangBash))
		file, err := parser.Parse(strings.NewReader(text+"\n"), "")
		whole := !strings.HasSuffix(text, "\\")
		if err == nil && whole {
			return toolsOf(file), n, nil
		}
		if n == len(more) || err != nil && whole && !syntax.IsIncomplete(err) {
			return nil, n, fmt.Errorf("bash does not understand %q: %v", text,
				err)
		}
		text += "\n" + more[n]
	}
}

// toolsOf returns the programs that a piece of bash calls by name.
func toolsOf(file *syntax.File) []string {
	known := map[string]bool{}
	for _, name := range strings.Fields(builtins) {
		known[name] = true
	}
	var tools []string
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			known[n.Name.Value] = true
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				return true
			}
			name := n.Args[0].Lit()
			if name != "" && !known[name] && !strings.Contains(name, "/") {
				tools = append(tools, name)
			}
		}
		return true
	})
	return tools
}

// builtins is the commands of bash itself.
const builtins = `. : [ alias bg break builtin cd command continue declare dirs
disown echo enable eval exec exit export false fc fg getopts hash help history
jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly
return set shift shopt source suspend test times trap true type typeset ulimit
umask unalias unset wait`

// isServer matches a command that runs a server until Ctrl-C.
var isServer = regexp.MustCompile(`^go run \./\S+[^&]*$`)

// runsOn reports whether the last act of a fence leaves a program running: a
// server, or one whose further output a later fence of the terminal shows.
func (c *console) runsOn(next *console) bool {
	last := c.acts[len(c.acts)-1]
	return next != nil && next.acts[0].kind != command ||
		last.kind == command && isServer.MatchString(
			strings.TrimSpace(last.send))
}
