// This file makes the socket system calls. Every socket blocks: a call that
// has nothing to return yet holds its thread.

package main

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// backlog is how many connections the kernel keeps ready for accept(2), if its
// own limit is not lower. When it is full, the next clients try again after a
// second.
const backlog = 4096

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
	if err := syscall.Bind(fd, sockaddr); err != nil {
		return err
	}
	return syscall.Listen(fd, backlog)
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

// accept waits for the next client and returns the descriptor of its
// connection.
func accept(listener int) int {
	for {
		fd, _, err := syscall.Accept(listener)
		switch err {
		case nil:
			syscall.CloseOnExec(fd)
			return fd
		case syscall.EINTR, syscall.ECONNABORTED:
			// A signal came, or the client left while it waited: go on.
		default:
			// Most likely EMFILE: all descriptors are taken, until a connection
			// ends. Without the pause, the loop would spin until then.
			warn("accept: %v; trying again", err)
			time.Sleep(acceptPause)
		}
	}
}

// conn is a connection: a blocking socket with time limits.
type conn struct {
	fd                          int
	readDeadline, writeDeadline time.Time
}

// Read waits for bytes until the read deadline. It returns io.EOF when the
// client will send no more.
func (c *conn) Read(p []byte) (int, error) {
	for {
		err := c.setTimeout(syscall.SO_RCVTIMEO, c.readDeadline)
		if err != nil {
			return 0, err
		}
		n, err := syscall.Read(c.fd, p)
		switch {
		case err == syscall.EINTR:
			// A signal came: try again. The deadline stays the same.
		case err == syscall.EAGAIN:
			return 0, os.ErrDeadlineExceeded
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write sends all of p, or returns how many bytes of it the kernel has taken
// when the write deadline came.
func (c *conn) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		err := c.setTimeout(syscall.SO_SNDTIMEO, c.writeDeadline)
		if err != nil {
			return sent, err
		}
		n, err := syscall.Write(c.fd, p[sent:])
		switch err {
		case nil:
			sent += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return sent, os.ErrDeadlineExceeded
		default:
			return sent, err
		}
	}
	return sent, nil
}

// setTimeout lets the next system call wait until the deadline at most. The
// kernel takes a duration, and each call starts it anew: set once, a client
// that sends a byte now and then could go on for ever.
func (c *conn) setTimeout(option int, deadline time.Time) error {
	left := time.Until(deadline)
	if left < time.Microsecond {
		// Zero would mean: for ever.
		return os.ErrDeadlineExceeded
	}
	timeout := syscall.NsecToTimeval(left.Nanoseconds())
	return syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, option, &timeout)
}

// SetReadDeadline sets until when Read may wait.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.readDeadline = t
	return nil
}

// SetWriteDeadline sets until when Write may wait.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writeDeadline = t
	return nil
}

// CloseWrite tells the client that no more bytes follow. It may still send.
func (c *conn) CloseWrite() error {
	return syscall.Shutdown(c.fd, syscall.SHUT_WR)
}

// Close gives the descriptor back.
func (c *conn) Close() error {
	return syscall.Close(c.fd)
}
