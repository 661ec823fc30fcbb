package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
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
