// Step 2 serves files, to one client at a time. Whoever comes meanwhile waits
// in the backlog of the listener: in the kernel, not in this program.
//
// See it: go run ./step02-static -delay 1s, and then in two terminals at once
// time curl -s -o /dev/null http://127.0.0.1:8080/. The second takes 2 s.
package main

import "runtime"

// step is the name of this program in messages and in the Server field.
const step = "step02-static"

func init() {
	// Keeps main on the first thread, whose number is that of the process. Go
	// would move it from thread to thread, and the log names the thread.
	runtime.LockOSThread()
}

func main() {
	addr, s := parseFlags()
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	announce(bound)
	for id := 1; ; id++ {
		s.serve(&conn{fd: accept(listener)}, id)
	}
}
