//go:build linux

// Step 7 serves all connections with one thread, as step 6 did. But it does not
// try them all: epoll tells which are ready, and while none is, the thread
// sleeps. An idle server takes no time, however many clients are connected.
//
// See it: strace -f -p PID -e epoll_wait, with the pid that the log names, and
// step 6 beside it in top.
package main

import (
	"runtime"
	"syscall"
	"time"
)

// step is the name of this program in messages and in the Server field.
const step = "step07-epoll"

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

	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		fatal("cannot use epoll: %v", err)
	}
	l := loop{conns: newConns(s), epoll: epoll, listener: listener}
	l.watch(syscall.EPOLL_CTL_ADD, listener, syscall.EPOLLIN)
	events := make([]syscall.EpollEvent, 512)
	for next := (time.Time{}); ; {
		n, err := syscall.EpollWait(epoll, events, timeout(next))
		if err == nil {
			next = l.turn(time.Now(), events[:n])
		} else if err != syscall.EINTR {
			fatal("cannot wait for events: %v", err)
		}
	}
}

// loop is the state of the event loop.
type loop struct {
	*conns
	epoll, listener int
	resume          time.Time // when to accept again, after a failure
}

// turn serves what is ready and returns when to come back at the latest.
func (l *loop) turn(now time.Time, events []syscall.EpollEvent) time.Time {
	l.startTurn(now)
	for _, event := range events {
		// Hang-ups and errors come as other bits than EPOLLIN. Whatever came:
		// trying the connection shows what it was.
		if c := l.byFD[int(event.Fd)]; c != nil {
			l.tryConn(c)
		} else {
			l.acceptAll(now) // only the listener is no connection
		}
	}
	next := l.endTurn(now, l.tryConn)
	if l.resume.IsZero() {
		return next
	}
	if now.Before(l.resume) {
		return l.resume
	}
	l.resume = time.Time{}
	l.watch(syscall.EPOLL_CTL_ADD, l.listener, syscall.EPOLLIN)
	return next
}

// tryConn serves a connection, and reports whether it is still there. While it
// has a response to send, we ask epoll for room alone: its next request is not
// read yet, and epoll would report that request again and again.
func (l *loop) tryConn(c *conn) bool {
	was := c.sending()
	if !l.serve(c) {
		return false // closing a descriptor takes it out of epoll too
	}
	if c.sending() && !was {
		l.watch(syscall.EPOLL_CTL_MOD, c.fd, syscall.EPOLLOUT)
	}
	if was && !c.sending() {
		l.watch(syscall.EPOLL_CTL_MOD, c.fd, syscall.EPOLLIN)
	}
	return true
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
			// ends. Those who have one are served on. Meanwhile, epoll must not
			// report the listener again and again.
			warn("accept: %v; trying again", err)
			l.watch(syscall.EPOLL_CTL_DEL, l.listener, 0)
			l.resume = now.Add(acceptPause)
			return
		}
		l.add(fd)
		l.watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN)
	}
}

// watch tells epoll which events on a descriptor to report. They are
// level-triggered: as long as there are bytes, or room, epoll says so again.
func (l *loop) watch(op, fd int, events uint32) {
	event := syscall.EpollEvent{Events: events, Fd: int32(fd)}
	if err := syscall.EpollCtl(l.epoll, op, fd, &event); err != nil {
		fatal("cannot watch descriptor %d: %v", fd, err)
	}
}

// timeout returns how many milliseconds there are until next, or -1 for ever.
func timeout(next time.Time) int {
	if next.IsZero() {
		return -1
	}
	// Rounded up. Rounded down, the last millisecond would be busy waiting.
	return max(0, int(time.Until(next).Milliseconds())+1)
}
