package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

// TestLesson: a connection carries one request after the other.
func TestLesson(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.dial(t)
	for n := 1; n <= 2; n++ {
		c.send("GET /style.css HTTP/1.1\r\nHost: test\r\n\r\n")
		got, err := c.tryReceive("GET")
		if err != nil {
			t.Fatalf("request %d on one connection got no response: %v\n"+
				"likely cause: the server closes after each response", n, err)
		}
		if f := got.facts(t); f.conn != 1 || f.requests != n {
			t.Errorf("request %d on connection 1 was answered as request %d "+
				"on connection %d", n, f.requests, f.conn)
		}
	}
}

// TestLessonPipelining: requests that come in one packet are answered in order.
func TestLessonPipelining(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.dial(t)
	names := []string{"style.css", "lab.html", "icon.svg", "missing"}
	for round := range 100 {
		var requests strings.Builder
		for _, name := range names {
			requests.WriteString("GET /" + name)
			requests.WriteString(" HTTP/1.1\r\nHost: test\r\n\r\n")
		}
		c.send(requests.String())
		for _, name := range names {
			want, err := os.ReadFile("html/" + name)
			got, err2 := c.tryReceive("GET")
			if err2 != nil {
				t.Fatalf("round %d: no response to GET /%s: %v\nlikely cause: "+
					"what follows a request in its packet is lost",
					round, name, err2)
			}
			if err == nil && got.body != string(want) ||
				err != nil && got.status != 404 {
				t.Fatalf("round %d: the response to GET /%s is:\n%v\n"+
					"likely cause: the responses are out of order",
					round, name, got)
			}
		}
	}
}

// TestLessonStuckClient: a client that sends requests and reads nothing does
// not make the others wait, on one thread.
func TestLessonStuckClient(t *testing.T) {
	t.Parallel()
	dir, _ := largeFile(t)
	p := start(t, "-dir", dir)
	tids := map[int]bool{}
	for range 20 {
		c, _ := askForLarge(t, p)
		// It also sends more requests than all buffers hold.
		go func() {
			more := strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 999)
			for range 100 {
				if _, err := c.Write([]byte(more)); err != nil {
					return
				}
			}
		}()
		tids[p.get(t, "/missing").facts(t).tid] = true
	}
	if len(tids) != 1 {
		t.Errorf("%d threads served the clients, not one", len(tids))
	}
}

// TestLessonIdle: a connection on which nothing happens is closed.
func TestLessonIdle(t *testing.T) {
	t.Parallel()
	p := startWith(t, "SHORT_LIMITS=30")
	c := p.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if got := c.receive("GET"); got.status != 200 || !got.kept() {
		t.Fatalf("GET / came back without keep-alive:\n%v", got)
	}
	if _, err := c.in.ReadByte(); err != io.EOF {
		t.Errorf("an idle connection was not closed in time: %v\n"+
			"likely cause: nobody looks for those that wait too long", err)
	}
}
