package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLesson: a silent client does not keep a second one from being answered.
func TestLesson(t *testing.T) {
	p := start(t)
	p.dial(t) // says nothing, and holds its connection for 5 s
	second := p.dial(t)
	// Less than those 5 s: served after the silent client is too late.
	second.limit = 3 * time.Second
	second.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	got, err := second.tryReceive("GET")
	if err != nil || got.status != 200 {
		t.Errorf("a first client says nothing. A second sent: GET /\ncame: %v"+
			"\nproblem: %v\nlikely cause: the server serves one client after "+
			"the other", got, err)
	}
	// Now a child has ended. The first one is still there, and says nothing.
	waitFor(t, "the parent to wait for the child of the second client\n"+
		"likely cause: zombies, which have ended and are not waited for",
		func() bool { return len(p.children(t)) == 1 })
	third := p.dial(t)
	third.limit = 3 * time.Second
	third.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if got, err := third.tryReceive("GET"); err != nil {
		t.Errorf("a first client says nothing, a second was served. A third "+
			"sent: GET /\ncame: %v\nproblem: %v\nlikely cause: the parent "+
			"waits for a child that still runs (without WNOHANG), and starts "+
			"nobody meanwhile", got, err)
	}
}

// TestLessonProcesses: 30 clients at a time are served by 30 processes.
func TestLessonProcesses(t *testing.T) {
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
}

// TestLessonCopies: the parent closes its copies of the connections.
func TestLessonCopies(t *testing.T) {
	p := start(t)
	for range 5 {
		p.get(t, "/")
	}
	// The listener, and perhaps the last connection: when the parent accepted
	// that one, it was done with the four before.
	if n := p.openSockets(t); n > 2 {
		t.Errorf("after 5 clients, one after the other, the parent has %d "+
			"sockets open\nlikely cause: the parent does not close its copy "+
			"of a connection. The child closes only its own", n)
	}
}

// openSockets counts the sockets that the server, without its children, has
// open (Linux only).
func (p *program) openSockets(t *testing.T) int {
	t.Helper()
	count := 0
	for _, name := range p.descriptors(t) {
		// An error means that it was closed in the meantime.
		link, _ := os.Readlink(name)
		if strings.HasPrefix(link, "socket:") {
			count++
		}
	}
	return count
}

// descriptors returns a file in /proc for each descriptor of the server.
func (p *program) descriptors(t *testing.T) []string {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "fd")
	files, err := filepath.Glob(dir + "/*")
	if err != nil || len(files) == 0 {
		t.Skipf("this system does not tell what a process has open: %v", err)
	}
	return files
}

// TestLessonZombies: the parent waits for the children that have ended.
func TestLessonZombies(t *testing.T) {
	p := start(t)
	for range 5 {
		p.get(t, "/")
	}
	waitFor(t, "the parent to wait for its children\nlikely cause: zombies, "+
		"which have ended and are not waited for",
		func() bool { return len(p.children(t)) == 0 })
}

// TestLessonLimit: 70 clients at a time are served by 64 processes.
func TestLessonLimit(t *testing.T) {
	p := start(t)
	held := hold(t, p, 70)
	waitFor(t, "64 children, while 70 clients wait",
		func() bool { return len(p.children(t)) >= 64 })
	// If there is no limit, the others come within this time.
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		if n := len(p.children(t)); n > 64 {
			t.Fatalf("70 clients at a time have %d processes, more than 64\n"+
				"likely cause: there is no limit on processes, so a crowd of "+
				"clients can use up all memory", n)
		}
	}
	for _, c := range held {
		c.finish(t, "a process has ended, and its slot is not given back")
	}
}

// TestLessonNoProcess: a process that does not start leaves no slot taken.
func TestLessonNoProcess(t *testing.T) {
	// One descriptor more than a server without clients has: that is enough to
	// accept a client. To start a process takes two more.
	few := len(start(t).descriptors(t)) + 1
	p := startWith(t, "MAX_FILES="+strconv.Itoa(few))
	for i := range 70 {
		c := p.dial(t)
		if _, err := c.in.ReadByte(); err == nil {
			t.Fatal("a server that can start no process has answered")
		}
		waitFor(t, "a line about each process that cannot start\nlikely "+
			"cause: a process that did not start keeps its slot", func() bool {
			said := p.stderr.String()
			return strings.Count(said, "cannot start a process for") == i+1
		})
		c.Close()
	}
}

// TestLessonInterrupt: Ctrl-C ends the step at once, and its children with it.
// The terminal sends Ctrl-C to all of them; here only the parent gets it.
func TestLessonInterrupt(t *testing.T) {
	p := start(t)
	held := hold(t, p, 5)
	waitFor(t, "5 children to start",
		func() bool { return len(p.children(t)) == 5 })
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for _, c := range held {
		// A child that lives on tells its client after 10 s that it is late.
		c.limit = 5 * time.Second
		c.renew()
		_, err := c.in.ReadByte()
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("5 s after Ctrl-C, a child still holds its client\n"+
				"likely cause: the parent ends without its children (%v)", err)
		}
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

// TestLessonStrangers: a process can have children that it did not start, such
// as those of the shell that became this program. They have no slot to give
// back.
func TestLessonStrangers(t *testing.T) {
	step := command(t, "-addr", "127.0.0.1:0")
	cmd := exec.Command("sh", append([]string{"-c",
		`sleep 0.1 & sleep 0.1 & exec "$0" "$@"`}, step.Args...)...)
	cmd.Env = step.Env
	p := run(t, cmd)
	const cause = "the end of a child that has no slot gives one back, and " +
		"waits for that with the lock held"
	waitFor(t, "the server to wait for two children that it did not start\n"+
		"likely cause: "+cause,
		func() bool { return len(p.children(t)) == 0 })
	for range 3 {
		p.get(t, "/", cause)
	}
}

// TestLessonSameDirectory: every child serves the directory that was opened at
// the start, whatever has its name by now.
func TestLessonSameDirectory(t *testing.T) {
	const cause = "each child opens the directory anew, by its name"
	dir := filepath.Join(t.TempDir(), "site")
	page := filepath.Join(dir, "index.html")
	writeFile(t, page, "<p>one")
	p := start(t, "-dir", dir)
	p.get(t, "/") // now the start is over
	if err := os.Rename(dir, dir+"-before"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := p.get(t, "/", cause); got.body != "<p>one" {
			t.Fatalf("the directory has a new name, but a child serves "+
				"another one: %v\nlikely cause: %s", got, cause)
		}
		writeFile(t, page, "<p>two") // another directory with the old name
	}
	if err := os.RemoveAll(dir + "-before"); err != nil {
		t.Fatal(err)
	}
	if got := p.get(t, "/", cause); got.status != 404 {
		t.Errorf("the directory was deleted, expected 404, got: %v", got)
	}
}

// TestLessonSameProgram: every child runs the program that its parent runs,
// whatever has its name by now (Linux only).
func TestLessonSameProgram(t *testing.T) {
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("this system has no name for the program that runs")
	}
	// A link, no copy: a file that was just written may still be open for
	// writing in a child of the tests, and could not be run.
	name := filepath.Join(t.TempDir(), "server")
	if err := os.Link(os.Args[0], name); err != nil {
		t.Skipf("cannot give this program a second name: %v", err)
	}
	cmd := command(t, "-addr", "127.0.0.1:0")
	cmd.Path, cmd.Args[0] = name, name
	p := run(t, cmd)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	p.get(t, "/", "the program is started by its name, which is gone")
	writeFile(t, name, "no program")
	p.get(t, "/", "the program is started by its name, which another file has")
}

// TestLessonName: ps -C finds the children by the name of the step.
func TestLessonName(t *testing.T) {
	if _, err := os.Stat("/proc/self/comm"); err != nil {
		t.Skip("this system does not let a process choose its name")
	}
	p := start(t)
	hold(t, p, 1)
	parent := strconv.Itoa(p.cmd.Process.Pid)
	waitFor(t, "a child that ps -C step03-process lists\nlikely cause: it has "+
		"the name of the file that it was started from", func() bool {
		// Without such a process, ps fails.
		out, err := exec.Command("ps", "-C", "step03-process", "-o",
			"ppid=").Output()
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("there is no ps on this machine")
		}
		return slices.Contains(strings.Fields(string(out)), parent)
	})
}
