// Step 3 gives each connection a process of its own: while one client is slow,
// the others are served. A process cannot harm another one's memory, but it
// costs more than the request that it serves.
//
// See it: go run ./step03-process -delay 5s, load a page, and ps -C
// step03-process.
package main

import (
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
)

// step is the name of this program in messages and in the Server field.
const step = "step03-process"

// maxProcesses is how many connections are served at once. Further ones wait
// in the backlog, so that a crowd of clients cannot use up all memory.
const maxProcesses = 64

// connVariable tells a child, in its environment, the number of its connection.
const connVariable = "STEP03_CONNECTION"

func main() {
	addr, s := parseFlags()
	if connNo, err := strconv.Atoi(os.Getenv(connVariable)); err == nil {
		// This is a child. It runs from /proc/self/exe, and would be called
		// "exe" by ps. Where the system knows no such file, it has its name.
		_ = os.WriteFile("/proc/self/comm", []byte(step), 0)
		// Its connection is the descriptor after standard input, output and
		// error.
		c := &socket{fd: 3}
		s.serve(c, connNo)
		drain(c)
		return
	}
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	s.announce(bound)

	p := newParent(s)
	for connNo := 1; ; connNo++ {
		p.slots <- true // waits while no slot is free
		fd := accept(listener)
		p.start(fd, connNo)
		// The child has its own copy. If ours stayed open, the connection
		// would not end when the child closes its copy.
		syscall.Close(fd)
	}
}

// parent knows the children that are running. Each has a slot.
type parent struct {
	program string   // the executable of this program
	args    []string // its command line
	slots   chan bool
	mu      sync.Mutex
	pids    map[int]bool // of the children
}

// newParent prepares to start children, and to hear of signals: from here on,
// none may be lost, so ask for them before the first child can end.
func newParent(s *server) *parent {
	p := &parent{program: executable(), args: os.Args, pids: map[int]bool{},
		slots: make(chan bool, maxProcesses)}
	if d, ok := s.site.(directory); ok {
		// Children inherit the working directory. So all of them serve this
		// directory, even if another one is given its name later.
		enter(d.root)
		p.args = append(p.args, "-dir", ".")
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go p.reap(ended)
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGINT, syscall.SIGTERM)
	go p.stop(stopped)
	return p
}

// enter makes a directory that is open the working directory.
func enter(root *os.Root) {
	dir, err := root.Open(".")
	if err == nil {
		err = dir.Chdir()
	}
	if err != nil {
		fatal("cannot enter %s: %v", root.Name(), err)
	}
	// It was open for reading only: closing it can lose nothing.
	dir.Close()
}

// executable returns the file of this program. Linux gives the very file that
// runs now, even if it was deleted or replaced.
func executable() string {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self
	}
	name, err := os.Executable()
	if err != nil {
		fatal("cannot find the executable of this program: %v", err)
	}
	return name
}

// start starts this program again, as a child that serves one connection. C
// would fork here; a Go program has several threads, and fork copies only one.
func (p *parent) start(fd, connNo int) {
	// Wait4 must not find a child before its pid is known here: its slot would
	// be lost. So the lock holds waitForOne back until then.
	p.mu.Lock()
	defer p.mu.Unlock()
	pid, err := syscall.ForkExec(p.program, p.args, &syscall.ProcAttr{
		Env:   append(os.Environ(), connVariable+"="+strconv.Itoa(connNo)),
		Files: []uintptr{0, 1, 2, uintptr(fd)},
	})
	if err != nil {
		warn("cannot start a process for connection %d: %v", connNo, err)
		<-p.slots
		return
	}
	p.pids[pid] = true
}

// reap waits for the children that have ended. Until then each is a zombie: its
// parent might still ask how it ended.
func (p *parent) reap(ended chan os.Signal) {
	for range ended {
		// Several children can end while one signal is on its way.
		for p.waitForOne() {
		}
	}
}

// waitForOne reports whether there was a child that had ended.
func (p *parent) waitForOne() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// WNOHANG: do not wait for children that still run. Nobody could be started
	// meanwhile, since we hold the lock.
	pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	if err == syscall.EINTR {
		return true // a signal came: try again
	}
	if err != nil || pid <= 0 {
		return false // there is no child, or none has ended
	}
	// A process can have children that it did not start: those of the shell
	// that became this program, or, as process 1 of a container, all orphans.
	if p.pids[pid] {
		delete(p.pids, pid)
		<-p.slots
	}
	return true
}

// stop ends the children with their parent.
func (p *parent) stop(stopped chan os.Signal) {
	sig := <-stopped
	p.mu.Lock() // for good: no child may be started any more
	for pid := range p.pids {
		// To a child that has ended and is a zombie, this does nothing.
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	// This is how a shell reports a program that a signal has ended.
	os.Exit(128 + int(sig.(syscall.Signal)))
}
