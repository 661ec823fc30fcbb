package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLesson: a silent client does not keep a second one from being answered.
func TestLesson(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.dial(t) // says nothing, and holds its connection for 5 s
	second := p.dial(t)
	// Less than those 5 s: served after the silent client is too late.
	err := second.SetReadDeadline(time.Now().Add(3 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	second.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	got, err := second.tryReceive("GET")
	if err != nil || got.status != 200 {
		t.Errorf("while a first client said nothing, a second sent GET / and "+
			"got:\n%v\nerror: %v\nlikely cause: the server serves one client "+
			"after the other", got, err)
	}
}

// TestLessonProcesses: 30 clients at a time are served by 30 processes.
func TestLessonProcesses(t *testing.T) {
	t.Parallel()
	p := start(t)
	held := hold(t, p, 30)
	processes := map[int]bool{}
	for _, c := range held {
		processes[c.finish(t).facts(t).pid] = true
	}
	if len(processes) != 30 {
		t.Errorf("30 clients at a time were served by %d processes, not 30\n"+
			"likely cause: no process is started for a connection",
			len(processes))
	}
	if processes[p.cmd.Process.Pid] {
		t.Errorf("process %d, which accepts, has also served a client",
			p.cmd.Process.Pid)
	}
	waitFor(t, "the server to close its copies of the connections",
		func() bool { return p.sockets(t) == 0 })
}

// TestLessonZombies: the parent waits for the children that have ended.
func TestLessonZombies(t *testing.T) {
	t.Parallel()
	p := start(t)
	for range 5 {
		p.get(t, "/")
	}
	waitFor(t, "the parent to wait for its children\nlikely cause: zombies, "+
		"which have ended and are not waited for",
		func() bool { return len(p.children(t)) == 0 })
}

// TestLessonInterrupt: Ctrl-C ends the step at once, and its children with it.
// The terminal sends Ctrl-C to all of them; here only the parent gets it.
func TestLessonInterrupt(t *testing.T) {
	t.Parallel()
	p := start(t)
	held := hold(t, p, 5)
	waitFor(t, "5 children to start",
		func() bool { return len(p.children(t)) == 5 })
	began := time.Now()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for _, c := range held {
		// A child that lives on tells its client after 5 s that it is late.
		if got, err := c.tryReceive("GET"); err == nil {
			t.Errorf("%v after Ctrl-C, a child still answers:\n%v",
				time.Since(began), got)
		}
	}
}

// TestLessonNoProcess: a process that does not start leaves no slot taken.
func TestLessonNoProcess(t *testing.T) {
	p := &parent{program: "/missing", slots: make(chan bool, 1),
		pids: map[int]bool{}}
	p.slots <- true
	p.start(0, 1)
	if len(p.slots) > 0 || len(p.pids) > 0 {
		t.Errorf("after a process that did not start, %d slots are taken and "+
			"%d processes known\nlikely cause: start forgets its slot when "+
			"ForkExec fails", len(p.slots), len(p.pids))
	}
}

// children returns the states of the children of the server: S for one that
// sleeps, Z for a zombie.
func (p *program) children(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "ppid=,state=").Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("there is no ps on this machine to look for children")
	}
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if f[0] == strconv.Itoa(p.cmd.Process.Pid) {
			states = append(states, f[1])
		}
	}
	return states
}

// hold connects n clients that send all of a request but its last line.
func hold(t *testing.T, p *program, n int) []*peer {
	t.Helper()
	var held []*peer
	for range n {
		c := p.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n")
		held = append(held, c)
	}
	return held
}

// finish sends the last line and returns the response.
func (c *peer) finish(t *testing.T) reply {
	t.Helper()
	c.send("\r\n")
	return c.receive("GET")
}
