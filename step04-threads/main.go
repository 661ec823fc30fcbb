// Step 4 gives each connection a thread of its own. Threads share memory and
// descriptors: they cost less than processes, and nothing protects one from
// another.
//
// See it: go run ./step04-threads -delay 5s, load a page, and ps -L -C
// step04-threads. Some of the threads are the Go runtime's own.
package main

import (
	"runtime"
	"syscall"
)

// step is the name of this program in messages and in the Server field.
const step = "step04-threads"

// maxThreads is how many connections are served at once, if there are enough
// descriptors. Further ones wait in the backlog. At 10,000 threads, or earlier
// if the system gives it no more, the Go runtime would end the program.
const maxThreads = 1000

func main() {
	addr, s := parseFlags()
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	s.announce(bound)

	slots := make(chan bool, min(maxThreads, maxConns()))
	for connNo := 1; ; connNo++ {
		slots <- true // waits while no slot is free
		c := &socket{fd: accept(listener)}
		// No close here: threads share their descriptors. It would close the
		// connection of the thread that serves it.
		go func() {
			// Reserves a thread for this goroutine, which never unlocks it: so
			// the thread ends with the goroutine. Without this line, Go would
			// give the thread to the next goroutine, to save the cost.
			runtime.LockOSThread()
			s.serve(c, connNo)
			drain(c)
			<-slots
		}()
	}
}

// maxConns returns for how many connections there are descriptors: each may
// need a second one, for the file that it sends, and a few are for the program.
func maxConns() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fatal("cannot tell how many descriptors there may be: %v", err)
	}
	const enough = 1 << 20 // "unlimited" would be too large for an int
	return max(1, int(min(limit.Cur, enough))/2-8)
}
