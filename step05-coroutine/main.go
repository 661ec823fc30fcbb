// Step 5 gives each connection a goroutine, and lets the Go runtime wait. The
// sockets of package net do not block: a goroutine that would have to wait is
// parked, and its thread serves another one. A few threads are enough for all.
//
// See it: go run ./step05-coroutine -delay 5s, then let 300 clients come with
// seq 300 | xargs -P 300 -I{} curl -s -o /dev/null http://127.0.0.1:8080/ and
// count with ps -L -C step05-coroutine. Step 4 needs 300 threads for them.
package main

import (
	"net"
	"time"
)

// step is the name of this program in messages and in the Server field.
const step = "step05-coroutine"

// acceptPause is how long to wait before the next try when accept has failed.
const acceptPause = 250 * time.Millisecond

func main() {
	addr, s := parseFlags()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		fatal("cannot %v; choose another address with -addr", err)
	}
	announce(listener.Addr().String())

	for id := 1; ; id++ {
		go s.serve(accept(listener), id)
	}
}

// accept waits for the next client. The code looks as if it blocked, as in
// step 4, but only this goroutine waits.
func accept(listener net.Listener) client {
	for {
		c, err := listener.Accept()
		if err == nil {
			return c.(*net.TCPConn)
		}
		// Most likely EMFILE: all descriptors are taken, until a connection
		// ends. Without the pause, the loop would spin until then.
		warn("accept: %v; trying again", err)
		time.Sleep(acceptPause)
	}
}
