//go:build linux

// Step 7 serves all connections with one thread, as step 6 did. But it does not
// try them all: epoll tells which are ready, and while none is, the thread
// sleeps. An idle server takes no time, however many clients are connected.
//
// See it: strace -p PID -e '/epoll_p?wait', with the pid that the first line
// names, and step 6 beside it in top. Read on in turn, below; conn.go is that
// of step 6.
package main

import (
	"runtime"
	"syscall"
	"time"
)

// step is the name of this program in messages and in the Server field.
const step = "step07-epoll"

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

	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		fatal("cannot use epoll: %v", err)
	}
	l := loop{epoll: epoll, listener: listener, conns: newConns(s),
		places: maxConns(), newcomer: -1}
	err = l.watch(syscall.EPOLL_CTL_ADD, listener, syscall.EPOLLIN)
	if err != nil {
		fatal("cannot watch the listener: %v", err)
	}
	// Not a limit on clients: if more are ready, the next call tells of them.
	events := make([]syscall.EpollEvent, 512)
	for {
		n, err := syscall.EpollWait(epoll, events, l.timeout())
		if err == nil {
			l.turn(time.Now(), events[:n])
		} else if err != syscall.EINTR {
			fatal("cannot wait for events: %v", err)
		}
	}
}

// loop is what one turn must know of the turns before.
type loop struct {
	epoll    int
	listener int
	conns    *conns
	places   int       // how many connections there may be at once
	newcomer int       // accepted, but there is no place for it; -1: nobody
	resume   time.Time // when to accept again, after a pause; zero: no pause
	waiting  time.Time // when clients last had to wait
	yielded  time.Time // when the Go runtime last had its turn
}

// turn serves what is ready.
func (l *loop) turn(now time.Time, events []syscall.EpollEvent) {
	l.conns.tick(now)
	newcomers := false
	for _, event := range events {
		// Hang-ups and errors come as other bits than EPOLLIN. Whatever came:
		// trying the connection shows what it was.
		if c := l.conns.byFD[int(event.Fd)]; c != nil {
			l.serve(c)
		} else {
			newcomers = true // only the listener is no connection
		}
	}
	// Try before giving up: perhaps there were more events than fit into one
	// call. Or there is room to write: epoll does not tell of all of it.
	for c := l.conns.due(now); c != nil; c = l.conns.due(now) {
		l.serve(c)
		l.fill(c)
		if l.conns.due(now) == c {
			l.conns.giveUp(c)
		}
	}
	if newcomers || l.pauseEnds() {
		l.acceptAll()
	}
	l.yield()
}

// serve does for a connection what can be done now, and tells epoll what it
// waits for next: bytes to read, or room to write. Never for both: epoll is
// level-triggered, and while a response is under way, it would report the bytes
// of the next request again and again.
func (l *loop) serve(c *conn) {
	wasWriting := c.state == writing
	l.conns.serve(c)
	isWriting := c.state == writing
	if c.state == closed || isWriting == wasWriting {
		return // to close a descriptor takes it out of epoll too
	}
	events := uint32(syscall.EPOLLIN)
	if isWriting {
		events = syscall.EPOLLOUT
	}
	err := l.watch(syscall.EPOLL_CTL_MOD, c.fd, events)
	if err != nil {
		l.conns.close(c, err)
	}
}

// fill gives the kernel as much of a response as it takes. It takes bytes as
// long as there is any room, but epoll tells of room only when a third of the
// send buffer is free. To put one chunk after the other into that third would
// look for minutes as if the client took them. 64 chunks are 2 MiB, which is
// more than a third of the largest buffer that Linux usually allows.
func (l *loop) fill(c *conn) {
	for range 64 {
		if c.state != writing || c.left == 0 || len(c.out) > 0 {
			return
		}
		l.serve(c)
	}
}

// watch tells epoll which events to report on a descriptor.
func (l *loop) watch(op, fd int, events uint32) error {
	event := syscall.EpollEvent{Events: events, Fd: int32(fd)}
	return syscall.EpollCtl(l.epoll, op, fd, &event)
}

// timeout returns how many milliseconds epoll may wait, or -1 for ever.
func (l *loop) timeout() int {
	next := l.resume
	for s := range l.conns.queues {
		c := l.conns.first(state(s))
		if c != nil && (next.IsZero() || c.deadline.Before(next)) {
			next = c.deadline
		}
	}
	if next.IsZero() {
		return -1
	}
	// Rounded up. Rounded down, the last millisecond would be busy waiting.
	return max(0, int(time.Until(next).Milliseconds())+1)
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
				l.pause("all %d places for connections are taken", l.places)
				return
			}
			l.conns.close(longestIdle, errRoom)
		}
		l.add(l.newcomer)
		l.newcomer = -1
	}
}

// add makes a connection of an accepted socket, and lets epoll watch it.
func (l *loop) add(fd int) {
	c := l.conns.add(fd)
	err := l.watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN)
	if err != nil {
		// The system watches no more for this user: refuse this client.
		l.conns.close(c, err)
	}
}

// pause stops accepting for a while: new clients wait in the backlog.
// Meanwhile, epoll must not report the listener again and again.
func (l *loop) pause(format string, args ...any) {
	l.resume = l.conns.now.Add(acceptPause)
	// It is watched, or nobody would have asked to accept.
	_ = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_DEL, l.listener, nil)
	l.say(format, args...)
}

// say warns that clients have to wait: once, and again after a calm minute.
func (l *loop) say(format string, args ...any) {
	if l.conns.now.Sub(l.waiting) > time.Minute {
		warn(format+"; new clients have to wait", args...)
	}
	l.waiting = l.conns.now
}

// pauseEnds reports whether a pause has just ended: it is time to try again, or
// there is a place for the newcomer.
func (l *loop) pauseEnds() bool {
	room := l.newcomer >= 0 && (len(l.conns.byFD) < l.places ||
		l.conns.first(idle) != nil)
	if l.resume.IsZero() || !room && l.conns.now.Before(l.resume) {
		return false
	}
	err := l.watch(syscall.EPOLL_CTL_ADD, l.listener, syscall.EPOLLIN)
	if err != nil {
		l.resume = l.conns.now.Add(acceptPause)
		return false
	}
	l.resume = time.Time{}
	return true
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
