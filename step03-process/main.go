// Step 3
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

const step = "step03-process"

// maxProcesses is how many connections are served at once; the others wait in
// the backlog.
const maxProcesses = 64

const connVariable = "SEVEN_SERVERS_CONN"

func main() {
	addr, s := parseFlags()
	if id, err := strconv.Atoi(os.Getenv(connVariable)); err == nil {
		runtime.LockOSThread()
		s.serve(&conn{fd: 3}, id)
		return
	}
	listener, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	if addr, err = addressOf(listener); err != nil {
		fatal("getsockname: %v", err)
	}
	announce(addr)
	p:=children{pids: map[int]bool{}, slots: make(chan struct{}, maxProcesses)}
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, syscall.SIGCHLD)
	go func() { for range sigs { p.reap() } } ()

	for id := 1; ; id++ {
		p.slots <- struct{}{}
		fd, err := accept(listener)
		if err != nil {
			fatal("accept: %v", err)
		}
		p.start(fd, id)
		syscall.Close(fd)
	}
}
type children struct{ sync.Mutex; pids map[int]bool; slots chan struct{} }
func (p *children) start(fd, id int) {
	exe, _ := os.Executable()
	env := append(os.Environ(), connVariable+"="+strconv.Itoa(id))
	p.Lock()
	defer p.Unlock()
	pid, err := syscall.ForkExec(exe, os.Args, &syscall.ProcAttr{Env: env, Files: []uintptr{0,1,2,uintptr(fd)}})
	if err != nil { fmt.Println(err); return }
	p.pids[pid] = true
}
func (p *children) reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err != nil || pid <= 0 { return }
		p.Lock()
		delete(p.pids, pid)
		p.Unlock()
		<-p.slots
	}
}
