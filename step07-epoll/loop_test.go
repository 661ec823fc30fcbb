//go:build linux

// This file tests the loop with clients in memory, and a clock that jumps.

package main

import (
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// newLoop watches the connections of a server.
func newLoop(t *testing.T, wires ...*wire) *loop {
	t.Helper()
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(epoll) })
	l := &loop{epoll: epoll, conns: wires[0].all, newcomer: -1}
	for _, w := range wires {
		err := l.watch(syscall.EPOLL_CTL_ADD, w.c.fd, syscall.EPOLLIN)
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// next lets the loop have a turn with the events that there are now.
func (l *loop) next(t *testing.T) {
	t.Helper()
	events := make([]syscall.EpollEvent, 512)
	n, err := syscall.EpollWait(l.epoll, events, 0)
	if err != nil && err != syscall.EINTR {
		t.Fatal(err)
	}
	l.turn(time.Now(), events[:max(n, 0)])
}

// TestLateTurn: while the loop works for one client, the time of the others
// runs out. Those who have asked by then are answered all the same.
func TestLateTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newWire(t)
		slow.all.server.delay = 6 * time.Second
		others := make([]*wire, 20)
		for i := range others {
			others[i] = connect(t, slow.all, slow.files)
		}
		l := newLoop(t, append(others, slow)...)
		slow.put(ask("a"))
		time.AfterFunc(time.Second, func() {
			for _, w := range others {
				w.put(ask("b"))
			}
		})
		for range 3 {
			l.next(t)
		}
		for _, w := range others {
			w.receive(1 << 20)
			explain(t, ask("b"), "it came 5 s before the server was free",
				[]string{kept + "text b"}, w.responses())
		}
		forget(append(others, slow))
	})
}

// TestLongTurn: a turn takes longer than a time limit, for two clients have
// sent many requests. It comes to an end all the same: newcomers wait for it.
func TestLongTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newWire(t)
		second := connect(t, first.all, first.files)
		first.all.server.delay = time.Second
		l := newLoop(t, first, second)
		for range 50 {
			first.put(ask("a"))
			second.put(ask("a"))
		}
		l.next(t)
		// As if there had been too many events for one call.
		l.turn(time.Now(), nil)
		if n := first.c.requests; n > 3*turnRequests {
			t.Errorf("in two turns, %d requests of one connection were "+
				"answered, more than %d\nlikely cause: a connection that is "+
				"due is served until it has no more requests", n,
				3*turnRequests)
		}
		forget([]*wire{first, second})
	})
}

// TestTryFirst: epoll tells nothing of a client that takes a little now and
// then. The loop tries before it gives it up.
func TestTryFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		w.send(ask("large"))
		l := newLoop(t, w)
		for range 2 * maxWaits {
			w.receive(64 << 10)
			time.Sleep(10 * time.Second)
			l.turn(time.Now(), nil)
			if w.c.state == closed {
				t.Error("a client that takes 64 KiB in 10 s was given up" +
					"\nlikely cause: nobody tries whether there is room")
				break
			}
		}
		forget([]*wire{w})
	})
}

// TestCannotWatch: if epoll does not take a client, that client is refused. The
// server goes on.
func TestCannotWatch(t *testing.T) {
	listener, addr, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	all := newConns(&server{site: builtInSite{}, quiet: true})
	l := loop{epoll: -1, listener: listener, conns: all, places: 4,
		newcomer: -1}
	client, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	waitFor(t, "the server to accept a client", func() bool {
		l.acceptAll()
		return all.count == 1
	})
	if len(all.byFD) > 0 {
		t.Error("epoll does not watch the client, but the server keeps it: " +
			"it would never hear of its requests")
	}
	if err := client.SetDeadline(time.Now().Add(patience())); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a client that epoll does not watch got a byte")
	}
}

// put sends data while the server does something else.
func (w *wire) put(data string) {
	if n, err := write(w.client, []byte(data)); n < len(data) {
		w.t.Errorf("of %q, %d bytes were sent: %v", data, n, err)
	}
}

// forget takes note of the connections that the server has closed.
func forget(wires []*wire) {
	for _, w := range wires {
		if w.c.state == closed {
			w.gone = 1
		}
	}
}
