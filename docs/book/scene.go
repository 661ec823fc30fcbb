package book

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scene is the console fences of a section: they share their terminals. A fence
// whose label names a step is a scene of its own.
type Scene struct {
	Page  string // its path
	Name  string // the heading, and for a fence of its own its line
	book  *Book
	parts []console
}

// Scenes returns the scenes of the pages, in order.
func (b *Book) Scenes() []*Scene {
	var scenes []*Scene
	for _, p := range b.Pages {
		shared := map[string]*Scene{}
		for _, f := range p.Fences {
			if !p.inBook() || f.label.lang != "console" || f.problem != "" {
				continue
			}
			c, findings := b.parseConsole(f)
			if len(findings) > 0 {
				continue // Check tells
			}
			s := shared[f.Section]
			if s == nil || c.server != "" {
				s = &Scene{Page: p.Path, Name: f.Section, book: b}
				scenes = append(scenes, s)
			}
			if c.server == "" {
				shared[f.Section] = s
			} else {
				s.Name = fmt.Sprintf("line %d", f.Line)
			}
			s.parts = append(s.parts, c)
		}
	}
	return scenes
}

// Missing returns the tools that the commands need and this machine lacks.
func (s *Scene) Missing() []string {
	var missing []string
	for _, c := range s.parts {
		for _, tool := range c.tools {
			if _, err := exec.LookPath(tool); err != nil &&
				!slices.Contains(missing, tool) {
				missing = append(missing, tool)
			}
		}
	}
	return missing
}

// ErrSkip is why a scene cannot be run here.
var ErrSkip = errors.New("cannot run here")

// player plays a scene.
type player struct {
	*Scene
	room     *room
	bindings *bindings
	findings []Finding
}

// Run runs the commands of a scene, and compares what they print.
func (s *Scene) Run() ([]Finding, error) {
	if missing := s.Missing(); len(missing) > 0 {
		return nil, fmt.Errorf("%w: there is no %s; install it", ErrSkip,
			strings.Join(missing, ", "))
	}
	room, err := openRoom(s.book.Root, s.book.SharePort)
	if errors.As(err, &errTaken{}) {
		return nil, fmt.Errorf("%w: %w", ErrSkip, err)
	}
	if err != nil {
		return nil, err
	}
	defer room.close()
	p := player{Scene: s, room: room, bindings: newBindings()}
	for i := range s.parts {
		ok, err := p.startServer(&s.parts[i])
		if ok {
			ok, err = p.playFence(&s.parts[i], s.next(i))
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			break // what follows would only repeat the failure
		}
	}
	return p.findings, nil
}

// next returns the next fence of the same terminal.
func (s *Scene) next(i int) *console {
	for j := i + 1; j < len(s.parts); j++ {
		if s.parts[j].terminal == s.parts[i].terminal {
			return &s.parts[j]
		}
	}
	return nil
}

// startServer starts the step that a label names, in a terminal that no page
// shows.
func (p *player) startServer(c *console) (ok bool, err error) {
	if c.server == "" {
		return true, nil
	}
	t, err := p.room.terminal("the server")
	if err != nil {
		return false, err
	}
	t.write(c.server + "\n")
	for end := time.Now().Add(c.limit); ; time.Sleep(pollTime) {
		s := t.look()
		if slices.ContainsFunc(s.lines, func(line string) bool {
			return strings.Contains(line, "serving http://")
		}) {
			return true, nil
		}
		if s.prompted || s.ended || time.Now().After(end) {
			p.findings = append(p.findings, c.fence.finding(fmt.Sprintf(
				"%s does not serve:\n%s", c.server,
				strings.Join(s.lines, "\n")), "correct the flags in the label"))
			return false, nil
		}
	}
}

// playFence plays the acts of a fence. ok tells whether the rest of the scene
// makes sense.
func (p *player) playFence(c *console, next *console) (ok bool, err error) {
	t, err := p.room.terminal(c.terminal)
	if err != nil {
		return false, err
	}
	p.bindings.forget("fd")
	var text []string // the fence as it should be
	first := len(p.findings)
	ok = true
	for i := range c.acts {
		a := &c.acts[i]
		out := a.want
		if ok {
			var finding *Finding
			runsOn := i == len(c.acts)-1 && c.runsOn(next)
			out, finding = p.playAct(c, t, a, runsOn)
			if finding != nil {
				p.findings = append(p.findings, *finding)
				ok = finding.Do == ""
			}
		}
		text = append(append(text, a.input...), out...)
	}
	fix := c.fence.replace(joinLines(keysInLine(text)))
	for i := range p.findings[first:] {
		if f := &p.findings[first+i]; f.Do == "" {
			f.Fix = fix
		}
	}
	return ok, nil
}

// keysInLine puts what a program says after ^C behind it again.
func keysInLine(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if keys[line] != "" && i+1 < len(lines) &&
			strings.HasPrefix(lines[i+1], "signal: ") {
			i++
			line += lines[i]
		}
		out = append(out, line)
	}
	return out
}

// playAct does one thing and compares what the terminal shows with what the
// page shows. It returns the lines that the page should have. A finding with
// something to do ends the scene; any other one can be repaired.
func (p *player) playAct(c *console, t *terminal, a *act,
	runsOn bool) ([]string, *Finding) {
	page := c.fence.Page
	if t.busy {
		t.takePrompt()
	}
	if a.kind == command && t.busy && !t.waitPrompt(c.limit) {
		f := page.finding(a.line, "terminal "+c.terminal+" is still busy with "+
			"the command before", "end it with a line "+
			"^C, or use another terminal: ```console terminal 2")
		return a.want, &f
	}
	t.takePromptOf(a)
	t.write(p.bindings.toReal(a.send))
	s, result := p.await(c, t, a, runsOn)
	if result.ok {
		p.bindings = result.bindings
		if result.part {
			t.takeLines()
		} else {
			t.take()
		}
		return a.want, nil
	}
	if result.late {
		f := page.finding(a.line, fmt.Sprintf("%s did not end in %v:\n%s",
			a.name(), c.limit, diffText(joinLines(a.want),
				joinLines(s.lines))), "give it time: ```console limit 2m; "+
			"or, if it shall run on, show its end in a later fence")
		return a.want, &f
	}
	t.takeLines()
	return p.differs(c, a, s.whole(), a.name()+" shows something else")
}

// name is what findings call an act.
func (a *act) name() string {
	if a.kind == command {
		return strconv.Quote(strings.TrimSpace(a.send))
	}
	return "the terminal"
}

// differs makes the finding of an act that showed something else.
func (p *player) differs(c *console, a *act, got []string, what string,
) ([]string, *Finding) {
	b := p.bindings.clone()
	out := c.render(a.want, got, b)
	f := c.fence.Page.finding(a.line, what+":\n"+
		diffText(joinLines(a.want), joinLines(out)), "")
	if slices.Contains(a.want, leftOut) {
		f.Do = `what the lines "..." stand for is not certain any more: ` +
			"write this fence again by hand"
		return a.want, &f
	}
	p.bindings = b
	return out, &f
}

// whole returns the lines that have ended. A program that runs on may be in the
// middle of one: it belongs to what it shows next.
func (s seen) whole() []string {
	if s.part {
		return s.lines[:len(s.lines)-1]
	}
	return s.lines
}

// outcome is how an act ended.
type outcome struct {
	ok, late bool
	part     bool // without the last line, which has no end yet
	bindings *bindings
}

const (
	// settleTime is how long a program that runs on must be quiet before what
	// it showed counts as all.
	settleTime = 300 * time.Millisecond
	// lateTime is how long to wait for more after a command has ended, for
	// what runs in the background, and for more of a program that runs on.
	lateTime = 3 * time.Second
	idleTime = 10 * time.Second
)

// await waits until the terminal shows what the page shows, or until it is
// certain that it will not.
func (p *player) await(c *console, t *terminal, a *act,
	runsOn bool) (seen, outcome) {
	mustEnd := a.kind != look && !runsOn && !c.goesOn(a)
	end := time.Now().Add(c.limit)
	late, idle := lateTime, idleTime
	if len(a.want) == 0 {
		// Whatever came is too much. This lets -update fill in a new page.
		late, idle = 2*settleTime, 3*settleTime
	}
	var all, whole comparison
	for ; ; time.Sleep(pollTime) {
		s := t.look()
		bindings, ok := all.compare(c, a, s.lines, p.bindings)
		part := !ok && s.part
		if part {
			bindings, ok = whole.compare(c, a, s.whole(), p.bindings)
		}
		t.busy = !s.prompted && (t.busy || a.kind == command)
		silent := len(countingLines(s.lines)) == 0
		started := !silent || !isServer.MatchString(strings.TrimSpace(a.send))
		ready := s.prompted || !mustEnd && started && s.quiet > settleTime
		atPrompt := a.kind == look && !t.busy && s.quiet > settleTime
		switch {
		case ok && (ready || atPrompt):
			return s, outcome{ok: true, part: part,
				bindings: bindings}
		case !ok && s.prompted && s.quiet > late,
			!ok && atPrompt && s.quiet > late,
			!ok && !mustEnd && !silent && s.quiet > idle, s.ended:
			return s, outcome{}
		case time.Now().After(end):
			return s, outcome{late: true}
		}
	}
}

// goesOn reports whether after this act the program goes on: the reader types
// something into it, or presses a key.
func (c *console) goesOn(a *act) bool {
	for i := range c.acts[:len(c.acts)-1] {
		if &c.acts[i] == a {
			return c.acts[i+1].kind == key || c.acts[i+1].kind == typing
		}
	}
	return false
}

// comparison remembers the last comparison: a terminal is looked at much more
// often than it changes.
type comparison struct {
	done     bool
	lines    []string
	ok       bool
	bindings *bindings
}

func (m *comparison) compare(c *console, a *act, lines []string,
	b *bindings) (*bindings, bool) {
	if !m.done || !slices.Equal(m.lines, lines) {
		m.done, m.lines = true, lines
		m.bindings, m.ok = c.newMatcher(a.want, lines).match(b)
	}
	return m.bindings, m.ok
}

// takePromptOf forgets the prompt before a command, so that the next one is
// that of its end. What else is there stays, for the act that looks at it.
func (t *terminal) takePromptOf(a *act) {
	if a.kind == look {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = prompt.ReplaceAll(t.out, nil)
}
