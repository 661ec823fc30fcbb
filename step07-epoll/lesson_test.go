package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLessonLargeFile: what a client does not take at once is sent when epoll
// tells that there is room.
func TestLessonLargeFile(t *testing.T) {
	dir, want := largeFile(t)
	p := start(t, "-dir", dir)
	c, res := askForLarge(t, p)
	takeLarge(t, c, res.Body, want, "epoll is not asked to tell when there is "+
		"room to write (EPOLLOUT); or "+partial)
}

// TestLesson: while nothing is to be done, the server sleeps. There are clients
// of each kind, and none of them keeps it awake.
func TestLesson(t *testing.T) {
	dir, _ := largeFile(t)
	p := start(t, "-dir", dir)
	askForLarge(t, p) // takes no byte of its response

	idle := p.dial(t)
	idle.send("GET /missing HTTP/1.1\r\nHost: test\r\n\r\n")
	idle.receive("GET")

	halfClosed := p.dial(t)
	halfClosed.send("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n")
	if err := halfClosed.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	begun := p.dial(t)
	begun.send("GET / HT")

	refused := p.dial(t) // does not close after its last response
	refused.send("GET / HTTP/9.9\r\n\r\n")
	refused.receive("GET")
	p.sleeps(t)
}

// TestLessonHangUp: a client that hangs up, in whatever way, is gone at once.
func TestLessonHangUp(t *testing.T) {
	p := start(t)
	for _, reset := range []bool{false, true} {
		c := p.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		c.receive("GET")
		how := "closed its connection"
		if reset {
			how = "reset its connection, as a crashed client does"
			if err := c.SetLinger(0); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		p.get(t, "/", "to take a descriptor out of epoll fails when it is "+
			"closed, since closing has done it; and that ended the server")
		waitFor(t, "the server to close the connection of a client that "+how+
			"\nlikely cause: a hang-up comes as other bits than EPOLLIN, and "+
			"is ignored", func() bool { return p.openSockets(t) == 1 })
	}
}

// TestLessonSilentClient: a client that says nothing is given up in time, and
// the last try to read from it makes nobody wait.
func TestLessonSilentClient(t *testing.T) {
	p := startWith(t, shortLimits)
	c := p.dial(t)
	c.limit = 3 * time.Second // its time is over after half a second
	c.renew()
	if _, err := c.in.ReadByte(); err != io.EOF {
		problem := c.reason(err)
		p.get(t, "/", "the socket of the silent client blocks, so the loop "+
			"waits in read until it says something")
		t.Errorf("a client said nothing, and its connection should end: %s\n"+
			"likely cause: nobody looks for the connections that have waited "+
			"too long", problem)
	}
}

// openSockets counts the sockets that the server has open, its listener too.
func (p *program) openSockets(t *testing.T) int {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range names {
		// An error means that it was closed in the meantime.
		link, _ := os.Readlink(filepath.Join(dir, name.Name()))
		if strings.HasPrefix(link, "socket:") {
			count++
		}
	}
	return count
}

// TestLessonDescriptorsUsedUp: when all places are taken, the listener stays
// readable. The server must not be told so again and again.
func TestLessonDescriptorsUsedUp(t *testing.T) {
	p := startWith(t, "MAX_FILES=24")
	for range 40 {
		p.dial(t).send("GET / HT")
	}
	p.sleeps(t)
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

// sleeps checks that the server uses next to no CPU time for a second.
func (p *program) sleeps(t *testing.T) {
	t.Helper()
	var used []int
	for range 3 { // at first, something may still be under way
		before := p.ticks(t)
		time.Sleep(time.Second)
		ticks := p.ticks(t) - before
		if ticks < 3 {
			return
		}
		used = append(used, ticks)
	}
	t.Errorf("the server had nothing to do for three seconds, and used %v %% "+
		"of a core in them\nlikely cause: its loop asks for work all the "+
		"time; or epoll reports again and again what nobody does: bytes that "+
		"are not read, room that is not used, clients that do not get in",
		used)
}

// ticks returns the CPU time that the server has used, in 1/100 s (proc(5)).
func (p *program) ticks(t *testing.T) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name, in parentheses, may have spaces in it. After it, user and
	// system time are the 12th and 13th field.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	user, err := strconv.Atoi(string(fields[11]))
	if err != nil {
		t.Fatal(err)
	}
	system, err := strconv.Atoi(string(fields[12]))
	if err != nil {
		t.Fatal(err)
	}
	return user + system
}
