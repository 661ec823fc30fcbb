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
	"syscall"
	"time"
)

// step is the name of this program in messages and in the Server field.
const step = "step05-coroutine"

// acceptPause is how long to wait before the next try when accept has failed.
const acceptPause = 250 * time.Millisecond

func main() {
	addr, s := parseFlags()
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	s.announce(bound)

	// Goroutines are cheap: a few KiB each. Descriptors are what runs out, so
	// they alone limit the number of connections.
	slots := make(chan bool, maxConns())
	for connNo := 1; ; connNo++ {
		slots <- true // waits while no slot is free
		c := accept(listener)
		go func() {
			s.serve(c, connNo)
			drain(c)
			<-slots
		}()
	}
}

// listen opens a listener on addr, a "host:port". It also returns the address
// with the port that it got: 0 asks for a free one.
func listen(addr string) (l *net.TCPListener, bound string, err error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, "", err
	}
	if tcp.IP == nil {
		tcp.IP = net.IPv4zero // no host: every IPv4 interface
	}
	network := "tcp6"
	if tcp.IP.To4() != nil {
		network = "tcp4"
	}
	l, err = net.ListenTCP(network, tcp)
	if err != nil {
		return nil, "", err
	}
	tcp.Port = l.Addr().(*net.TCPAddr).Port
	return l, tcp.String(), nil
}

// accept waits for the next client. The code looks as if it blocked, as in
// step 4, but only this goroutine waits.
func accept(listener *net.TCPListener) client {
	for failed := false; ; {
		c, err := listener.AcceptTCP()
		if err == nil {
			return c
		}
		// Most likely EMFILE: all descriptors are taken, until a connection
		// ends. Without the pause, the loop would spin until then.
		if !failed {
			warn("accept: %v; trying until it works", err)
		}
		failed = true
		time.Sleep(acceptPause)
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
