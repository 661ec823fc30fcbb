// Step 1 is the smallest server that a browser understands. It makes the system
// calls of a server by hand, and greets whoever comes.
//
// Run it with go run ./step01-hello and open http://127.0.0.1:8080/. Or watch
// the conversation with curl -v http://127.0.0.1:8080/. By hand, with nc
// 127.0.0.1 8080, you have 5 s to type a line.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// step is the name of this program in messages.
const step = "step01-hello"

// readTime is how long a client may say nothing. Without a limit, one silent
// client would hold this server for ever.
const readTime = 5 * time.Second

// drainTime is how long a client may go on sending after the greeting.
const drainTime = 2 * time.Second

const page = `<!doctype html>
<html lang="en">
<title>Hello</title>
<h1>Hello, you who found this port!</h1>
<p>Привет! 你好! ¡Hola! These bytes came through a socket.</p>
</html>
`

func main() {
	addr := parseFlags()
	listener, bound, err := listen(addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	fmt.Printf("%s: serving http://%s/ (pid %d; Ctrl-C to stop)\n", step,
		bound, os.Getpid())

	for connNo := 1; ; connNo++ {
		// accept takes the next client out of the backlog, and waits for one
		// if there is none. The client gets a socket of its own.
		client, _, err := syscall.Accept(listener)
		for err != nil {
			// A signal came, or the client has left already, or all descriptors
			// are taken. The pause keeps us from spinning in the last case.
			time.Sleep(10 * time.Millisecond)
			client, _, err = syscall.Accept(listener)
		}
		fmt.Printf("\nconnection %d\n", connNo)
		if err := greet(client); err != nil {
			fmt.Printf("  ended early: %v\n", err)
		}
		// Left open, the descriptor would be lost: some thousand clients later
		// there would be none for the next.
		syscall.Close(client)
	}
}

// listen makes the socket that clients connect to. It also returns the address
// with the port that it got, since port 0 means any free one.
func listen(addr string) (listener int, bound string, err error) {
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
	// A stream over IP, that is TCP: no byte is lost, and they stay in order.
	// Where one message ends and the next begins, TCP does not know.
	listener, err = syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return -1, "", err
	}
	// A connection that the server closes stays in TIME_WAIT for a minute.
	// Without this option, a new server could not bind the port until then.
	err = syscall.SetsockoptInt(listener, syscall.SOL_SOCKET,
		syscall.SO_REUSEADDR, 1)
	if err != nil {
		return -1, "", err
	}
	if err := ipv6Only(listener, family); err != nil {
		return -1, "", err
	}
	if err := syscall.Bind(listener, sockaddr); err != nil {
		return -1, "", err
	}
	// From here on, the kernel completes connections without us. It keeps some
	// 128 of them ready: this is the backlog.
	if err := syscall.Listen(listener, 128); err != nil {
		return -1, "", err
	}
	tcp.Port, err = portOf(listener)
	return listener, tcp.String(), err
}

// greet prints what the client sends and answers with the page.
func greet(client int) error {
	// One read is not always one request: a long one comes in several packets.
	// For a greeting the first bytes are enough. Step 2 reads the whole.
	var request [1024]byte
	n, err := read(client, request[:], readTime)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("the client left without a word")
	}
	// Quoted: you see that each line ends in \r\n, and a client cannot send
	// commands to your terminal.
	for line := range strings.Lines(string(request[:n])) {
		fmt.Printf("  %q\n", line)
	}
	// The length counts bytes. Counted in characters, it would be too small,
	// and the browser would cut the page short.
	response := "HTTP/1.1 200 OK\r\n" +
		"Content-Type: text/html; charset=utf-8\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n", len(page)) +
		"Connection: close\r\n" +
		"\r\n" +
		page
	// So few bytes always fit into the send buffer of a new connection: the
	// kernel takes them at once, and all of them. If the client is gone, the
	// error is EPIPE. A C program would get the signal SIGPIPE and end; Go
	// keeps it away.
	if _, err := syscall.Write(client, []byte(response)); err != nil {
		return err
	}
	drain(client)
	return nil
}

// drain lets the response arrive. If we closed a socket with unread bytes in
// it, the kernel would send a reset (RST) at once, and throw away what it has
// not delivered yet (RFC 9112, section 9.6). So say "no more from us", and read
// until the client has closed too.
func drain(client int) {
	if syscall.Shutdown(client, syscall.SHUT_WR) != nil {
		return // the client has closed already
	}
	var rest [4096]byte
	end := time.Now().Add(drainTime)
	for left := drainTime; left > 0; left = time.Until(end) {
		if n, err := read(client, rest[:], left); n == 0 || err != nil {
			return
		}
	}
}

// read reads what has arrived. If that is nothing, it waits up to limit. It
// returns 0 when the client will send no more.
func read(fd int, p []byte, limit time.Duration) (int, error) {
	// Less than a microsecond would be 0, and 0 would mean: for ever.
	limit = max(limit, time.Microsecond)
	timeout := syscall.NsecToTimeval(limit.Nanoseconds())
	err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET,
		syscall.SO_RCVTIMEO, &timeout)
	if err != nil {
		return 0, err
	}
	for {
		n, err := syscall.Read(fd, p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
			// The Go runtime sends signals to its own threads. Read again.
		case syscall.EAGAIN:
			return 0, fmt.Errorf("the client said nothing for %v", limit)
		default:
			return 0, err
		}
	}
}

// From here on: the command line, and addresses in the form of the system
// calls. Skip it on a first reading.

// parseFlags reads the command line: the address to listen on, "host:port".
func parseFlags() (addr string) {
	flags := flag.NewFlagSet(step, flag.ContinueOnError)
	flags.StringVar(&addr, "addr", "127.0.0.1:8080",
		"listen on this `host:port`; port 0 picks a free one")
	parseArgs(flags)
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		fatal("-addr %q is not of the form host:port", addr)
	}
	// For the first sleep of a program, the Go runtime opens descriptors. If
	// there are none left by then, the program crashes. So sleep now.
	time.Sleep(time.Nanosecond)
	return addr
}

// parseArgs reads the command line into flags. Left to itself, package flag
// would print all its help at each mistake: one line is enough.
func parseArgs(flags *flag.FlagSet) {
	flags.SetOutput(io.Discard)
	err := flags.Parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		fmt.Printf("Usage of %s:\n", step)
		flags.PrintDefaults()
		os.Exit(0)
	case err != nil:
		fatal("%v; see -h for the flags", err)
	case flags.NArg() > 0:
		fatal("unexpected argument %q; see -h for the flags", flags.Arg(0))
	}
}

// fatal ends the program with one line that says what failed.
func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, step+": "+format+"\n", args...)
	os.Exit(1)
}

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
