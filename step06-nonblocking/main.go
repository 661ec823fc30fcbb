// Step 6 serves all connections with one thread and without the help of the
// runtime: no socket blocks, and all are tried in turn. A connection is kept
// for the next request, since it costs no thread to keep it.
//
// The loop never rests: it takes a whole core even when nobody is there. See it
// in top. A sleep in the loop would let every client wait; step 7 has a better
// way. Read on in conn.go, and compare it with that of step 5.
package main

import (
	"runtime"
	"syscall"
	"time"
)

// step is the name of this program in messages and in the Server field.
const step = "step06-nonblocking"

func init() {
	// For the log alone, which names the thread: this keeps main on the first
	// one. Go would move it from thread to thread.
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

	l := loop{listener: listener, conns: newConns(s), most: maxConns()}
	for {
		l.turn(time.Now())
	}
}

// loop is the state of the event loop.
type loop struct {
	listener int
	conns    *conns
	most     int       // how many connections there may be at once
	resume   time.Time // when to accept again, after a failure
	warned   bool      // that clients have to wait
	yielded  time.Time // when the Go runtime last had its turn
}

// turn tries everything once.
func (l *loop) turn(now time.Time) {
	l.conns.tick(now)
	if !now.Before(l.resume) {
		l.acceptAll()
	}
	// serve may take the connection out of the map. Go allows that; in a list,
	// the loop would skip the next connection.
	for _, c := range l.conns.byFD {
		l.conns.serve(c)
	}
	// Only now: whoever could be served has been served, and is not due.
	for c := l.conns.due(); c != nil; c = l.conns.due() {
		l.conns.giveUp(c)
	}
	l.yield()
}

// acceptAll takes the clients that wait in the backlog, while there is room.
func (l *loop) acceptAll() {
	// Not for ever: a flood of new clients must not stop the others.
	for range backlog {
		full := len(l.conns.byFD) >= l.most
		oldest := l.conns.first(idle)
		if full && oldest == nil {
			l.pause("all %d places for connections are taken", l.most)
			return
		}
		fd, err := accept(l.listener)
		if err == syscall.EAGAIN {
			l.warned = false // nobody waits
			return
		}
		if err != nil {
			// Most likely EMFILE: all descriptors are taken, until a file or a
			// connection is closed. Those who have one are served on.
			l.pause("accept: %v", err)
			return
		}
		if full {
			l.conns.close(oldest, errRoom)
		}
		l.conns.add(fd)
	}
}

// pause stops accepting for a while: new clients wait in the backlog.
func (l *loop) pause(format string, args ...any) {
	l.resume = l.conns.now.Add(acceptPause)
	if !l.warned {
		warn(format+"; who comes now has to wait", args...)
		l.warned = true
	}
}

// yield lets the Go runtime have a turn. Its monitor thread looks every 20 µs
// at a goroutine that does not yield: measured, a tenth of the time.
func (l *loop) yield() {
	if l.conns.now.Sub(l.yielded) > 5*time.Millisecond {
		l.yielded = l.conns.now
		runtime.Gosched()
	}
}

// maxConns returns for how many connections there are descriptors: each may
// need a second one, for the file that it sends, and a few are for the program.
func maxConns() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fatal("cannot tell how many descriptors there may be: %v", err)
	}
	return max(1, int(min(limit.Cur, 1<<20))/2-8)
}
