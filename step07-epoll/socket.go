// This file makes the socket system calls. No socket blocks: a call that would
// have to wait returns EAGAIN at once.

package main

import (
	"io"
	"net"
	"syscall"
	"time"
)

// backlog is how many connections the kernel keeps ready for accept(2), if its
// own limit is not lower. When it is full, the next clients try again after a
// second.
const backlog = 4096

// sendBuffer is how many bytes of responses the kernel takes from us before the
// client takes them.
const sendBuffer = 64 << 10

// acceptPause is how long to wait before the next try when accept has failed.
const acceptPause = 250 * time.Millisecond

// listen opens a socket that listens on addr, a "host:port". It returns its
// descriptor and the address with the port that it got: 0 asks for a free one.
func listen(addr string) (fd int, bound string, err error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return -1, "", err
	}
	family, sockaddr := toSockaddr(tcp)
	fd, err = syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return -1, "", err
	}
	syscall.CloseOnExec(fd)
	if err = bindAndListen(fd, sockaddr); err == nil {
		bound, err = addressOf(fd)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, "", err
	}
	return fd, bound, nil
}

// bindAndListen makes a listener of a socket.
func bindAndListen(fd int, sockaddr syscall.Sockaddr) error {
	// Connections that the server has closed stay in TIME_WAIT for a minute.
	// Without this option, nobody could bind their port until then.
	err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET,
		syscall.SO_REUSEADDR, 1)
	if err != nil {
		return err
	}
	// For connections. In a larger buffer, a slow client would have to take
	// much more before we are told that it takes anything.
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET,
		syscall.SO_SNDBUF, sendBuffer)
	if err != nil {
		return err
	}
	if err := syscall.Bind(fd, sockaddr); err != nil {
		return err
	}
	if err := syscall.Listen(fd, backlog); err != nil {
		return err
	}
	return syscall.SetNonblock(fd, true)
}

// toSockaddr puts an address into the form of the system calls. An address
// without a host means every IPv4 interface of this machine.
func toSockaddr(a *net.TCPAddr) (family int, sa syscall.Sockaddr) {
	if a.IP != nil && a.IP.To4() == nil {
		sa6 := &syscall.SockaddrInet6{Port: a.Port}
		copy(sa6.Addr[:], a.IP)
		return syscall.AF_INET6, sa6
	}
	sa4 := &syscall.SockaddrInet4{Port: a.Port}
	copy(sa4.Addr[:], a.IP.To4())
	return syscall.AF_INET, sa4
}

// addressOf asks the kernel which "host:port" a socket is bound to.
func addressOf(fd int) (string, error) {
	sockaddr, err := syscall.Getsockname(fd)
	if err != nil {
		return "", err
	}
	var a net.TCPAddr
	switch sa := sockaddr.(type) {
	case *syscall.SockaddrInet4:
		a.IP, a.Port = sa.Addr[:], sa.Port
	case *syscall.SockaddrInet6:
		a.IP, a.Port = sa.Addr[:], sa.Port
	}
	return a.String(), nil
}

// accept returns the descriptor of the next connection, or EAGAIN when no
// client waits.
func accept(listener int) (int, error) {
	for {
		fd, _, err := syscall.Accept(listener)
		switch err {
		case nil:
			syscall.CloseOnExec(fd)
			// On Linux, an accepted socket does not inherit O_NONBLOCK. Without
			// this line, one slow client would stop all others.
			return fd, syscall.SetNonblock(fd, true)
		case syscall.EINTR, syscall.ECONNABORTED:
			// A signal came, or the client left while it waited: go on.
		default:
			return -1, err
		}
	}
}

// read reads what has arrived, at most len(p) bytes. It returns io.EOF when the
// client will send no more.
func read(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		switch {
		case err == syscall.EINTR:
			// A signal came: try again.
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// write sends as much of p as the kernel has room for, perhaps nothing.
func write(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
			// A signal came: try again.
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}
