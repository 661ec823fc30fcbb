// Step 5 gives each connection a goroutine, and lets the Go runtime wait. The
// sockets of package net do not block: a goroutine that would have to wait is
// parked, and its thread serves another one. A few threads are enough for all.
//
// See it: ps -eLf | grep step05 with 300 clients; step 4 needs 300 threads.
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
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
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
		// Most likely EMFILE: all descriptors are taken. Those who have them
		// give them back; without the pause, we would spin until then.
		warn("accept: %v; trying again", err)
		time.Sleep(acceptPause)
	}
}
