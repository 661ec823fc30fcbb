package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestLesson: 30 clients at a time are served by 30 threads of one process.
func TestLesson(t *testing.T) {
	t.Parallel()
	p := start(t)
	f := p.get(t, "/").facts(t)
	if f.pid != p.cmd.Process.Pid {
		t.Fatalf("process %d served a client, not the server, %d\n"+
			"likely cause: a process is started for each connection",
			f.pid, p.cmd.Process.Pid)
	}
	if f.tid == 0 {
		t.Skip("this system does not tell which thread serves")
	}
	held := hold(t, p, 30)
	waitFor(t, "30 threads while 30 clients wait\nlikely cause: no thread is "+
		"started for a connection", func() bool { return p.threads(t) >= 30 })
	threads := map[int]bool{}
	for _, c := range held {
		threads[c.finish(t).facts(t).tid] = true
	}
	if len(threads) != 30 {
		t.Errorf("30 clients at a time were served by %d threads, not 30\n"+
			"likely cause: the goroutine is not locked to its thread",
			len(threads))
	}
	waitFor(t, "the threads to end with their connections\nlikely cause: the "+
		"goroutine is not locked to its thread, and Go keeps the thread",
		func() bool { return p.threads(t) < 30 })
}

// threads counts the threads of the server (Linux only).
func (p *program) threads(t *testing.T) int {
	t.Helper()
	pid := strconv.Itoa(p.cmd.Process.Pid)
	tasks, err := os.ReadDir(filepath.Join("/proc", pid, "task"))
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

// hold connects n clients that send all of a request but its last line.
func hold(t *testing.T, p *program, n int) []*peer {
	t.Helper()
	var held []*peer
	for range n {
		c := p.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n")
		held = append(held, c)
	}
	return held
}

// finish sends the last line and returns the response.
func (c *peer) finish(t *testing.T) reply {
	t.Helper()
	c.send("\r\n")
	return c.receive("GET")
}
