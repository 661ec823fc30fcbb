package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// few is how many threads may serve 300 clients here.
const few = 32

// TestLesson: 300 clients at a time are served by a few threads.
func TestLesson(t *testing.T) {
	p := start(t)
	held := hold(t, p, 300)
	// Clients are accepted in their order: once this one is served, the server
	// has accepted the 300 too.
	p.get(t, "/", "the accept loop serves a client itself: go is missing, "+
		"which starts a goroutine for it")
	if n := p.threads(t); n >= few {
		t.Fatalf("while 300 clients wait, the server has %d threads\n"+
			"likely cause: each connection holds a thread", n)
	}
	threads := map[int]bool{}
	for _, c := range held {
		f := c.finish(t).facts(t)
		if f.pid != p.cmd.Process.Pid {
			t.Fatalf("process %d served a client, not the server, %d",
				f.pid, p.cmd.Process.Pid)
		}
		threads[f.tid] = true
	}
	if len(threads) >= few {
		t.Errorf("300 clients at a time were served by %d threads\n"+
			"likely cause: each connection holds a thread", len(threads))
	}
}

// threads counts the threads of the server. It is -1 where the system does not
// tell.
func (p *program) threads(t *testing.T) int {
	t.Helper()
	pid := strconv.Itoa(p.cmd.Process.Pid)
	tasks, err := os.ReadDir(filepath.Join("/proc", pid, "task"))
	if os.IsNotExist(err) {
		return -1
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
