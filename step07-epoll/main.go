//go:build linux

// Step 7
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

const step = "step07-epoll"

func main() {
	addr, s := parseFlags()
	listener, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	if addr, err = addressOf(listener); err != nil {
		fatal("getsockname: %v", err)
	}
	announce(addr)
	runtime.LockOSThread()
	loop(listener, newConns(s))
}

func loop(listener int, all *conns) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		fatal("epoll_create1: %v", err)
	}
	watch := func(op, fd int, events uint32) error {
		return syscall.EpollCtl(epoll, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
	}
	watch(syscall.EPOLL_CTL_ADD, listener, syscall.EPOLLIN)
	events := make([]syscall.EpollEvent, 256)
	yielded := time.Now()
	for {
		n, err := syscall.EpollWait(epoll, events, 1000)
		if err != nil && err != syscall.EINTR {
			fatal("epoll_wait: %v", err)
		}
		now := time.Now()
		if now.Sub(yielded) > 5*time.Millisecond {
			yielded = now
			runtime.Gosched()
		}
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == listener {
				for {
					fd, err := accept(listener)
					if err != nil {
						if !errors.Is(err, syscall.EAGAIN) {
							fmt.Fprintln(os.Stderr, err)
						}
						break
					}
					all.add(fd)
					watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN)
				}
				continue
			}
			c := all.byFD[int(e.Fd)]
			was := c.sending()
			if all.serve(c) && c.sending() != was {
				w := uint32(syscall.EPOLLIN)
				if c.sending() {
					w = syscall.EPOLLOUT
				}
				watch(syscall.EPOLL_CTL_MOD, c.fd, w)
			}
		}
		all.expire(now)
	}
}
