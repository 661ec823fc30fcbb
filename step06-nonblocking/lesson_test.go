package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLesson: a connection carries one request after the other.
func TestLesson(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	cause := "the listener blocks, so the loop waits in accept, and serves " +
		"nobody"
	for n := 1; n <= 2; n++ {
		c.send("GET /style.css HTTP/1.1\r\nHost: test\r\n\r\n")
		got := c.receive("GET", cause)
		if f := got.facts(t); f.conn != 1 || f.requests != n {
			t.Errorf("request %d on connection 1 was answered as request %d "+
				"on connection %d", n, f.requests, f.conn)
		}
		cause = "the server closes the connection after each response"
	}
}

// TestLessonSilentClient: a client that says nothing makes nobody wait.
func TestLessonSilentClient(t *testing.T) {
	p := start(t)
	p.dial(t)
	p.get(t, "/", "the socket of the silent client blocks, so the loop waits "+
		"in read until it says something")
}

// TestLessonPipelining: requests that come in one packet are answered in order.
func TestLessonPipelining(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	names := []string{"style.css", "lab.html", "icon.svg", "missing"}
	for round := range 100 {
		var requests strings.Builder
		for _, name := range names {
			requests.WriteString("GET /" + name)
			requests.WriteString(" HTTP/1.1\r\nHost: test\r\n\r\n")
		}
		c.sent.Reset()
		c.send(requests.String())
		for _, name := range names {
			want, err := os.ReadFile("html/" + name)
			got := c.receive("GET", "what follows a request in its packet is "+
				"lost")
			if err == nil && got.body != string(want) ||
				err != nil && got.status != 404 {
				t.Fatalf("round %d: the response to GET /%s is: %v\n"+
					"likely cause: the responses are out of order",
					round, name, got)
			}
		}
	}
}

// TestLessonLargeFile: what a client does not take at once is kept for it.
func TestLessonLargeFile(t *testing.T) {
	dir, want := largeFile(t)
	p := start(t, "-dir", dir)
	c, res := askForLarge(t, p)
	takeLarge(t, c, res.Body, want, partial)
}

// TestLessonNoDelay: the last packet of a response does not wait until the
// client has acknowledged the one before it.
func TestLessonNoDelay(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "page.html"), strings.Repeat("a", 50_000))
	p := start(t, "-dir", dir)
	c := p.dial(t)
	fastest := time.Hour
	for i := range 40 {
		began := time.Now()
		c.send("GET /page.html HTTP/1.1\r\nHost: test\r\n\r\n")
		c.receive("GET")
		// At first, the kernel of the client acknowledges at once.
		if i >= 20 {
			fastest = min(fastest, time.Since(began))
		}
	}
	if fastest > 30*time.Millisecond {
		t.Errorf("of 20 responses of 50 KB, the fastest took %v\n"+
			"likely cause: the kernel holds the last packet back until the "+
			"client acknowledges the one before it (TCP_NODELAY)", fastest)
	}
}

// TestLessonStuckClient: a client that sends requests and reads no response
// does not make the others wait.
func TestLessonStuckClient(t *testing.T) {
	p := start(t)
	stuck := p.dial(t)
	if err := stuck.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	t.Cleanup(func() {
		stuck.Close()
		<-ended
	})
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
		p.get(t, "/style.css", "a socket blocks, so the loop waits in write "+
			"for a client that reads nothing")
	}
}

// TestLessonIdle: a connection on which nothing happens is closed.
func TestLessonIdle(t *testing.T) {
	p := startWith(t, "SHORT_LIMITS=30")
	c := p.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if got := c.receive("GET"); got.status != 200 || !got.kept() {
		t.Fatalf("GET / came back without keep-alive: %v", got)
	}
	if _, err := c.in.ReadByte(); err != io.EOF {
		t.Errorf("an idle connection should end after 2 s: %s\nlikely cause: "+
			"nobody looks for the connections that have waited too long",
			c.reason(err))
	}
}
