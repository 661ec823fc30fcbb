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

// acceptPause is how long to accept nobody when accept has failed, or when all
// places are taken.
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
	// Connections inherit this. On a kept connection, the kernel would hold a
	// small last packet back until the client acknowledges the one before
	// (Nagle's algorithm), and the client waits up to 40 ms with that, in the
	// hope of something to send along (delayed acknowledgement).
	err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP,
		syscall.TCP_NODELAY, 1)
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
			if err := syscall.SetNonblock(fd, true); err != nil {
				syscall.Close(fd)
				return -1, err
			}
			return fd, nil
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

// write sends as much of p as the kernel has room for, perhaps nothing. If the
// client is gone, the error is EPIPE. A C program would get the signal SIGPIPE
// and end; Go keeps it away.
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
