// Step 4 gives each connection a thread of its own. Threads share memory and
// descriptors: they cost less than processes, and nothing protects one from
// another.
//
// See it: go run ./step04-threads -delay 5s, load a page, and ps -L -C
// step04-threads. Some of the threads are the Go runtime's own.
package main

import "runtime"

// step is the name of this program in messages and in the Server field.
const step = "step04-threads"

// maxThreads is how many connections are served at once. Further ones wait in
// the backlog. At 10,000 threads, the Go runtime would end the program.
const maxThreads = 1000

func main() {
	addr, s := parseFlags()
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	announce(bound)

	slots := make(chan bool, maxThreads)
	for id := 1; ; id++ {
		slots <- true // waits while maxThreads are running
		fd := accept(listener)
		// No close here: the descriptor is the same one in both threads.
		go func() {
			// A locked goroutine has a thread for itself. It never unlocks:
			// so the thread ends when the goroutine does. Not locked, Go would
			// give the thread to the next one, to save the cost.
			runtime.LockOSThread()
			s.serve(&conn{fd: fd}, id)
			<-slots
		}()
	}
}
