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
	if id, err := strconv.Atoi(os.Getenv(connVariable)); err == nil {
		// This is a child. Its connection is the descriptor after standard
		// input, output and error.
		s.serve(&conn{fd: 3}, id)
		return
	}
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	announce(bound)

	program, err := os.Executable()
	if err != nil {
		fatal("cannot find the executable of this program: %v", err)
	}
	p := parent{program: program, pids: map[int]bool{},
		slots: make(chan bool, maxProcesses)}
	go p.reap()
	go p.stop()
	for id := 1; ; id++ {
		p.slots <- true // waits while maxProcesses are running
		fd := accept(listener)
		p.start(fd, id)
		// The child has its own copy. If ours stayed open, the connection
		// would not end when the child closes its copy.
		syscall.Close(fd)
	}
}

// parent knows the processes that are running, each with a slot.
type parent struct {
	program string // the executable of this program
	slots   chan bool
	sync.Mutex
	pids map[int]bool
}

// start starts this program again, as a child that serves one connection. C
// would fork here; a Go program has several threads, and fork copies only one.
func (p *parent) start(fd, id int) {
	p.Lock()
	defer p.Unlock()
	pid, err := syscall.ForkExec(p.program, os.Args, &syscall.ProcAttr{
		Env:   append(os.Environ(), connVariable+"="+strconv.Itoa(id)),
		Files: []uintptr{0, 1, 2, uintptr(fd)},
	})
	if err != nil {
		warn("cannot start a process for connection %d: %v", id, err)
		<-p.slots
		return
	}
	p.pids[pid] = true
}

// reap waits for the children that have ended. Until then each is a zombie: its
// parent might still ask how it ended.
func (p *parent) reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for range ended {
		// Several children can end while one signal is on its way.
		for p.waitForOne() {
		}
	}
}

// waitForOne reports whether there was a child that had ended.
func (p *parent) waitForOne() bool {
	p.Lock()
	defer p.Unlock()
	pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	if err == syscall.EINTR {
		return true // a signal came: try again
	}
	if err != nil || pid == 0 {
		return false // there is no child, or none has ended
	}
	delete(p.pids, pid)
	<-p.slots
	return true
}

// stop ends the children with their parent.
func (p *parent) stop() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	sig := <-signals
	p.Lock() // for good: no child may be started any more
	for pid := range p.pids {
		// To a child that has ended and is a zombie, this does nothing.
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	// This is how a shell reports a program that a signal has ended.
	os.Exit(128 + int(sig.(syscall.Signal)))
}
