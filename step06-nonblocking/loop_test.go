// This file tests the loop with clients in memory, and a clock that jumps.

package main

import (
	"testing"
	"testing/synctest"
	"time"
)

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
		slow.put(ask("a"))
		time.AfterFunc(time.Second, func() {
			for _, w := range others {
				w.put(ask("b"))
			}
		})
		l := loop{conns: slow.all, newcomer: -1,
			resume: time.Now().Add(time.Hour)}
		for range 3 {
			l.turn(time.Now())
		}
		for _, w := range others {
			w.receive(1 << 20)
			explain(t, ask("b"), "it came 5 s before the server was free",
				[]string{kept + "text b"}, w.responses())
		}
		forget(append(others, slow))
	})
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
