// Step 2 serves files, to one client at a time. Whoever comes meanwhile waits
// in the backlog of the listener: in the kernel, not in this program.
//
// See it: go run ./step02-static -delay 1s, and then in two terminals at once
// time curl -s -o /dev/null http://127.0.0.1:8080/. The second takes 2 s. By
// hand, with nc 127.0.0.1 8080, you have 5 s to begin a request and then 10 s
// to end it.
//
// Read on in conn.go: it is where main leads. The start of http.go and site.go
// comes next; socket.go, flags.go and log.go can wait.
package main

import "runtime"

// step is the name of this program in messages and in the Server field.
const step = "step02-static"

func init() {
	// For the log and the Server field alone, which name the thread: this keeps
	// main on the first one. Go would move it from thread to thread.
	runtime.LockOSThread()
}

func main() {
	addr, s := parseFlags()
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	s.announce(bound)
	for connNo := 1; ; connNo++ {
		c := &socket{fd: accept(listener)}
		s.serve(c, connNo)
		drain(c)
	}
}
