package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLesson: while nothing is to be done, the server sleeps. There are clients
// of each kind, and none of them keeps it awake.
func TestLesson(t *testing.T) {
	t.Parallel()
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

// TestLessonDescriptorsUsedUp: when accept fails, the listener stays readable.
// The server must not be told so again and again.
func TestLessonDescriptorsUsedUp(t *testing.T) {
	t.Parallel()
	p := startWith(t, "MAX_FILES=24")
	for range 40 {
		p.dial(t).send("GET / HT")
	}
	p.sleeps(t)
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
		"time, instead of waiting for it", used)
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
