//go:build linux

// Step 7 serves all connections with one thread, as step 6 did. But it does not
// try them all: epoll tells which are ready, and while none is, the thread
// sleeps. An idle server takes no time, however many clients are connected.
//
// See it: strace -f -p PID -e '/epoll_p?wait', with the pid that the first line
// names, and step 6 beside it in top.
package main

import (
	"runtime"
	"syscall"
	"time"
)

// step is the name of this program in messages and in the Server field.
const step = "step07-epoll"

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

	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		fatal("cannot use epoll: %v", err)
	}
	l := loop{epoll: epoll, listener: listener, conns: newConns(s),
		most: maxConns()}
	if err := l.watch(syscall.EPOLL_CTL_ADD, listener, opened); err != nil {
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

// loop is the state of the event loop.
type loop struct {
	epoll, listener int
	conns           *conns
	most            int       // how many connections there may be at once
	resume          time.Time // when to accept again, or zero: now
	warned          bool      // that clients have to wait
	yielded         time.Time // when the Go runtime last had its turn
}

// turn serves what is ready.
func (l *loop) turn(now time.Time, events []syscall.EpollEvent) {
	l.conns.tick(now)
	for _, event := range events {
		fd := int(event.Fd)
		if fd == l.listener {
			l.acceptAll()
		}
		// Hang-ups and errors come as other bits than EPOLLIN. Whatever came:
		// trying the connection shows what it was.
		if c := l.conns.byFD[fd]; c != nil {
			l.serve(c)
		}
	}
	// Try before giving up: perhaps there were more events than fit into one
	// call, or there is a little room, of which epoll does not tell yet.
	for c := l.conns.due(); c != nil; c = l.conns.due() {
		l.serve(c)
		if l.conns.due() == c {
			l.conns.giveUp(c)
		}
	}
	l.acceptAgain()
	l.yield()
}

// serve serves a connection, and tells epoll what it waits for now.
func (l *loop) serve(c *conn) {
	was := c.state
	l.conns.serve(c)
	if c.state == closed || (c.state == writing) == (was == writing) {
		return // to close a descriptor takes it out of epoll too
	}
	err := l.watch(syscall.EPOLL_CTL_MOD, c.fd, c.state)
	if err != nil {
		l.conns.close(c, err)
	}
}

// watch tells epoll which events to report on a descriptor. Epoll is
// level-triggered: as long as there are bytes to read, it says so again. So
// while a connection has a response to send, we ask for room alone: its next
// requests are not read yet, and would be reported again and again.
func (l *loop) watch(op, fd int, s state) error {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	if s == writing {
		// There is room when a third of the send buffer is free.
		event.Events = syscall.EPOLLOUT
	}
	return syscall.EpollCtl(l.epoll, op, fd, &event)
}

// timeout returns how many milliseconds epoll may wait, or -1 for ever.
func (l *loop) timeout() int {
	next := l.resume
	for s := range closed {
		c := l.conns.first(s)
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
		c := l.conns.add(fd)
		err = l.watch(syscall.EPOLL_CTL_ADD, fd, c.state)
		if err != nil {
			// The system watches no more for this user: refuse this client.
			l.conns.close(c, err)
		}
	}
}

// pause stops accepting for a while: new clients wait in the backlog.
// Meanwhile, epoll must not report the listener again and again.
func (l *loop) pause(format string, args ...any) {
	l.resume = l.conns.now.Add(acceptPause)
	// It is watched, or nobody would have asked to accept.
	_ = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_DEL, l.listener, nil)
	if !l.warned {
		warn(format+"; who comes now has to wait", args...)
		l.warned = true
	}
}

// acceptAgain ends a pause.
func (l *loop) acceptAgain() {
	if l.resume.IsZero() || l.conns.now.Before(l.resume) {
		return
	}
	err := l.watch(syscall.EPOLL_CTL_ADD, l.listener, opened)
	if err != nil {
		l.resume = l.conns.now.Add(acceptPause)
		return
	}
	l.resume = time.Time{}
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
