// Step 6 serves all connections with one thread and without the help of the
// runtime: no socket blocks, and all are tried in turn. A connection is kept
// for the next request, since it costs no thread to keep it.
//
// The loop never rests: it takes a whole core even when nobody is there. See it
// in top. A sleep in the loop would let every client wait; step 7 has a better
// way. Read turn first, then serve and wait in conn.go.
package main

import (
	"runtime"
	"syscall"
	"time"
)

// step is the name of this program in messages and in the Server field.
const step = "step06-nonblocking"

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

	l := loop{conns: newConns(s), listener: listener}
	for {
		l.turn(time.Now())
	}
}

// loop is the state of the event loop.
type loop struct {
	*conns
	listener int
	resume   time.Time // when to accept again, after a failure
}

// turn tries everything once.
func (l *loop) turn(now time.Time) {
	l.startTurn(now)
	if now.After(l.resume) {
		l.acceptAll(now)
	}
	// serve may remove the connection from the map. Go allows that; in a list,
	// the loop would skip the next connection.
	for _, c := range l.byFD {
		l.serve(c)
	}
	l.endTurn(now, l.serve)
}

// acceptAll takes the clients that wait in the backlog.
func (l *loop) acceptAll(now time.Time) {
	// Not for ever: a flood of new clients must not stop the others.
	for range backlog {
		fd, err := l.accept(l.listener)
		if err == syscall.EAGAIN {
			return // nobody waits
		}
		if err != nil {
			// Most likely EMFILE: all descriptors are taken, until a connection
			// ends. Those who have one are served on.
			warn("accept: %v; trying again", err)
			l.resume = now.Add(acceptPause)
			return
		}
		l.add(fd)
	}
}
