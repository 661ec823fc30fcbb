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

// TestLessonStuckClient: a client that sends requests and reads no response
// does not make the others wait.
func TestLessonStuckClient(t *testing.T) {
	t.Parallel()
	p := start(t)
	stuck := p.dial(t)
	if err := stuck.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		many := strings.Repeat("GET / HTTP/1.1\r\nHost: stuck\r\n\r\n", 999)
		for {
			// When the server takes no more of them, this waits.
			if _, err := stuck.Write([]byte(many)); err != nil {
				return
			}
		}
	}()
	for range 200 {
		c := p.dial(t)
		c.send("GET /style.css HTTP/1.1\r\nHost: test\r\n\r\n")
		if _, err := c.tryReceive("GET"); err != nil {
			t.Errorf("while one client reads none of its responses, another "+
				"gets no response: %v\nlikely cause: a socket blocks, so that "+
				"a write waits for the first", err)
			break
		}
		c.Close()
	}
	stuck.Close()
	<-ended
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
