// Step 4 gives each connection a thread of its own. A thread shares memory and
// descriptors with all others: it is cheaper than a process, and whoever
// serves the connection must be the only one to close it.
//
// See the threads while clients wait: ps -eLf | grep step04-threads
package main

import "runtime"

const step = "step04-threads"

// maxThreads is how many connections are served at once; the others wait in
// the backlog. The Go runtime ends a program that has 10,000 threads.
const maxThreads = 1000

func main() {
	addr, s := parseFlags()
	listener, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	if addr, err = addressOf(listener); err != nil {
		fatal("getsockname: %v", err)
	}
	announce(addr)

	slots := make(chan struct{}, maxThreads)
	for id := 1; ; id++ {
		slots <- struct{}{} // waits while all slots are taken
		fd, err := accept(listener)
		if err != nil {
			fatal("accept: %v", err)
		}
		go func() {
			// From here on, this goroutine has a thread for itself. It never
			// unlocks it, so the thread ends when the goroutine does.
			runtime.LockOSThread()
			s.serve(&conn{fd: fd}, id)
			<-slots
		}()
	}
}
