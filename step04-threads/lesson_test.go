package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestLesson: 30 clients at a time are served by 30 threads of one process.
func TestLesson(t *testing.T) {
	p := start(t)
	const cause = "accept's thread has closed the connection: threads share " +
		"descriptors, there are no copies"
	f := p.get(t, "/", cause).facts(t)
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
	const notLocked = "the goroutine is not locked to its thread, so Go " +
		"keeps the thread for others"
	for _, c := range held {
		threads[c.finish(t, cause).facts(t).tid] = true
	}
	if len(threads) != 30 {
		t.Fatalf("30 clients at a time were served by %d threads, not 30\n"+
			"likely cause: %s", len(threads), notLocked)
	}
	waitFor(t, "the threads to end with their connections\nlikely cause: "+
		notLocked, func() bool { return p.threads(t) < 30 })
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
