// Step 2 serves files, to one client at a time. While it serves one, all
// others wait in the listener's backlog: try it with -delay 1s and two tabs.
//
// Run it with go run ./step02-static and open http://127.0.0.1:8080/.
package main

import "runtime"

const step = "step02-static"

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
	// Go may move a goroutine from thread to thread. The log and the Server
	// field name threads: here it is one from first to last.
	runtime.LockOSThread()

	for id := 1; ; id++ {
		fd, err := accept(listener)
		if err != nil {
			fatal("accept: %v", err)
		}
		s.serve(&conn{fd: fd}, id)
	}
}
