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

// turnAccepts is how many clients are accepted in a row. Then the others have
// their turn.
const turnAccepts = 1000

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

	l := loop{listener: listener, conns: newConns(s), places: maxConns(),
		newcomer: -1}
	for {
		l.turn(time.Now())
	}
}

// loop is what one turn must know of the turns before.
type loop struct {
	listener int
	conns    *conns
	places   int       // how many connections there may be at once
	newcomer int       // accepted, but there is no place for it; -1: nobody
	resume   time.Time // when to accept again, after a pause
	waiting  time.Time // when clients last had to wait
	yielded  time.Time // when the Go runtime last had its turn
}

// turn tries everything once.
func (l *loop) turn(now time.Time) {
	l.conns.tick(now)
	// serve may take the connection out of the map. Go allows that; in a list,
	// the loop would skip the next connection.
	for _, c := range l.conns.byFD {
		l.conns.serve(c)
	}
	// Only now: what came in time has been read, even if this turn was late.
	for c := l.conns.due(now); c != nil; c = l.conns.due(now) {
		l.conns.giveUp(c)
	}
	if !now.Before(l.resume) {
		l.acceptAll()
	}
	l.yield()
}

// acceptAll takes the clients that wait in the backlog, while there is a place
// for each. A newcomer who finds none is the first to get the next one.
func (l *loop) acceptAll() {
	for range turnAccepts {
		if l.newcomer < 0 {
			fd, err := accept(l.listener)
			if err == syscall.EAGAIN {
				return // nobody waits
			}
			if err != nil {
				// Most likely EMFILE: all descriptors are taken, until a file
				// is closed. Those who have a connection are served on.
				l.pause("accept: %v", err)
				return
			}
			l.newcomer = fd
		}
		if len(l.conns.byFD) >= l.places {
			longestIdle := l.conns.first(idle)
			if longestIdle == nil {
				l.say("all %d places for connections are taken", l.places)
				return
			}
			l.conns.close(longestIdle, errRoom)
		}
		l.conns.add(l.newcomer)
		l.newcomer = -1
	}
}

// pause stops accepting for a while: new clients wait in the backlog.
func (l *loop) pause(format string, args ...any) {
	l.resume = l.conns.now.Add(acceptPause)
	l.say(format, args...)
}

// say warns that clients have to wait: once, and again after a calm minute.
func (l *loop) say(format string, args ...any) {
	if l.conns.now.Sub(l.waiting) > time.Minute {
		warn(format+"; new clients have to wait", args...)
	}
	l.waiting = l.conns.now
}

// yield lets the Go runtime have a turn. Its monitor thread looks every 20 µs
// at a goroutine that never yields. Under load, that took a tenth of the time.
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
	const enough = 1 << 20 // "unlimited" would be too large for an int
	return max(1, int(min(limit.Cur, enough))/2-8)
}
