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
	if tcp.IP == nil {
		tcp.IP = net.IPv4zero // no host: every IPv4 interface
	}
	family, sockaddr, err := toSockaddr(tcp)
	if err != nil {
		return -1, "", err
	}
	fd, err = syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return -1, "", err
	}
	syscall.CloseOnExec(fd)
	if err = bindAndListen(fd, family, sockaddr); err == nil {
		tcp.Port, err = portOf(fd)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, "", err
	}
	return fd, tcp.String(), nil
}

// bindAndListen makes a listener of a socket.
func bindAndListen(fd, family int, sockaddr syscall.Sockaddr) error {
	// Connections that the server has closed stay in TIME_WAIT for a minute.
	// Without this option, nobody could bind their port until then.
	err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET,
		syscall.SO_REUSEADDR, 1)
	if err != nil {
		return err
	}
	if err := ipv6Only(fd, family); err != nil {
		return err
	}
	if err := syscall.Bind(fd, sockaddr); err != nil {
		return err
	}
	return syscall.Listen(fd, backlog)
}

// accept waits for the next client and returns the descriptor of its
// connection.
func accept(listener int) int {
	for failed := false; ; {
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
			if !failed {
				warn("accept: %v; trying until it works", err)
			}
			failed = true
			time.Sleep(acceptPause)
		}
	}
}

// socket is a connection that blocks, with time limits.
type socket struct {
	fd                          int
	readDeadline, writeDeadline time.Time
}

// Read waits for bytes until the read deadline. It returns io.EOF when the
// client will send no more.
func (s *socket) Read(p []byte) (int, error) {
	for {
		err := s.setTimeout(syscall.SO_RCVTIMEO, s.readDeadline)
		if err != nil {
			return 0, err
		}
		n, err := syscall.Read(s.fd, p)
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
// when the write deadline came. If the client is gone, the error is EPIPE. A C
// program would get the signal SIGPIPE and end; Go keeps it away.
func (s *socket) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		err := s.setTimeout(syscall.SO_SNDTIMEO, s.writeDeadline)
		if err != nil {
			return sent, err
		}
		n, err := syscall.Write(s.fd, p[sent:])
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
func (s *socket) setTimeout(option int, deadline time.Time) error {
	left := time.Until(deadline)
	if left < time.Microsecond {
		// Zero would mean: for ever.
		return os.ErrDeadlineExceeded
	}
	timeout := syscall.NsecToTimeval(left.Nanoseconds())
	return syscall.SetsockoptTimeval(s.fd, syscall.SOL_SOCKET, option, &timeout)
}

// SetReadDeadline sets until when Read may wait.
func (s *socket) SetReadDeadline(t time.Time) error {
	s.readDeadline = t
	return nil
}

// SetWriteDeadline sets until when Write may wait.
func (s *socket) SetWriteDeadline(t time.Time) error {
	s.writeDeadline = t
	return nil
}

// CloseWrite tells the client that no more bytes follow. It may still send.
func (s *socket) CloseWrite() error {
	return syscall.Shutdown(s.fd, syscall.SHUT_WR)
}

// Close gives the descriptor back. Its number may soon be that of another
// connection, so forget it.
func (s *socket) Close() error {
	fd := s.fd
	s.fd = -1
	return syscall.Close(fd)
}

// From here on: addresses in the form of the system calls. Skip it on a first
// reading.

// toSockaddr puts an address into that form.
func toSockaddr(a *net.TCPAddr) (family int, sa syscall.Sockaddr, err error) {
	if ip := a.IP.To4(); ip != nil {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: a.Port,
			Addr: [4]byte(ip)}, nil
	}
	sa6 := &syscall.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP)}
	if a.Zone != "" {
		// The name of an interface: fe80::1%eth0 is an address on eth0 alone.
		link, err := net.InterfaceByName(a.Zone)
		if err != nil {
			return 0, nil, err
		}
		sa6.ZoneId = uint32(link.Index)
	}
	return syscall.AF_INET6, sa6, nil
}

// ipv6Only keeps an IPv6 socket from taking IPv4 too. Whether [::] means both
// differs between systems.
func ipv6Only(fd, family int) error {
	if family != syscall.AF_INET6 {
		return nil
	}
	return syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6,
		syscall.IPV6_V6ONLY, 1)
}

// portOf asks the kernel which port a socket is bound to.
func portOf(fd int) (int, error) {
	sockaddr, err := syscall.Getsockname(fd)
	switch sa := sockaddr.(type) {
	case *syscall.SockaddrInet4:
		return sa.Port, err
	case *syscall.SockaddrInet6:
		return sa.Port, err
	}
	return 0, err
}
