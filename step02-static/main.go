// Step 2 serves files, to one client at a time. Whoever comes meanwhile waits
// in the backlog of the listener: in the kernel, not in this program.
//
// See it: go run ./step02-static -delay 1s, then load the page in two tabs.
package main

import "runtime"

// step is the name of this program in messages and in the Server field.
const step = "step02-static"

func main() {
	addr, s := parseFlags()
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	announce(bound)

	// Go may move this goroutine to another thread at any time. The log names
	// the thread, so that you can see that there is only one: stay on it.
	runtime.LockOSThread()
	for id := 1; ; id++ {
		s.serve(&conn{fd: accept(listener)}, id)
	}
}
