// These tests start the real server and talk to it over real sockets.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It is long, since a
// busy machine is no reason to fail.
const patience = 10 * time.Second

// TestMain makes the test binary run the server instead of the tests when
// start asks for it. The first test that fails is the last one: most failures
// after it would have the same cause. With -failfast=false, all tests run.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_SERVER") != "" {
		main()
		os.Exit(0)
	}
	stopEarly := flag.Lookup("test.failfast")
	if err := stopEarly.Value.Set("true"); err != nil {
		panic(err)
	}
	flag.Parse() // sets it anew if the command line does
	os.Exit(m.Run())
}

// program is a running step.
type program struct {
	cmd    *exec.Cmd
	addr   string // "host:port"
	out    *bufio.Reader
	file   *os.File // where out comes from
	stderr bytes.Buffer
	ended  chan bool // closed when it has ended
}

// command prepares a run of this step with these flags.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// With -race, each process would wait a second before it ends.
	cmd.Env = append(os.Environ(), "RUN_SERVER=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// start runs this step on a free port until the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	file, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: command(append([]string{"-addr", "127.0.0.1:0"},
		args...)...), file: file, out: bufio.NewReader(file),
		ended: make(chan bool)}
	p.cmd.Stdout, p.cmd.Stderr = in, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	go func() {
		_ = p.cmd.Wait() // how it has ended is no matter
		close(p.ended)
	}()
	t.Cleanup(func() { p.stop(t) })

	first := p.line(t)
	form := regexp.MustCompile(`^step01-hello: serving http://(.+:\d+)/ ` +
		`\(pid (\d+); Ctrl-C to stop\)$`)
	found := form.FindStringSubmatch(first)
	if found == nil {
		t.Fatalf("printed %q first, not a line of the form %v", first, form)
	}
	p.addr = found[1]
	if pid := strconv.Itoa(p.cmd.Process.Pid); found[2] != pid {
		t.Errorf("the first line names pid %s, but the server is process %s",
			found[2], pid)
	}
	return p
}

// stop ends the server. It must have had nothing to complain of.
func (p *program) stop(t *testing.T) {
	// The error says that it has ended already.
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(patience / 2):
		t.Errorf("Ctrl-C did not end the server within %v: it was killed",
			patience/2)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	p.file.Close()
	if p.stderr.Len() > 0 {
		t.Errorf("the server printed:\n%s", p.stderr.String())
	}
}

// line reads the next line that the server prints.
func (p *program) line(t *testing.T) string {
	t.Helper()
	// If the deadline cannot be set, a silent server is waited for longer.
	_ = p.file.SetReadDeadline(time.Now().Add(patience))
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the server printed %q and then no more: %s", line,
			reason(err))
	}
	return strings.TrimSuffix(line, "\n")
}

// reason tells in words why no more came.
func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("timed out after %v", patience)
	case err == io.EOF:
		return "it ended"
	}
	return err.Error()
}

// dial connects to the server. The connection is closed when the test ends.
func (p *program) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.addr, patience)
	if err != nil {
		t.Fatalf("cannot connect to the server: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// send sends some text.
func send(t *testing.T, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("could not send %q: %s", text, reason(err))
	}
}

// checkGreeting reads the response and checks it. The parser is that of
// net/http: it would not forgive us a mistake.
func checkGreeting(t *testing.T, c io.Reader, sent, cause string) {
	t.Helper()
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("sent: %s\nno response came: %s\nlikely cause: %s", sent,
			reason(err), cause)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || !res.Close || res.ContentLength < 0 ||
		res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("sent: %s\ncame: %s %v\nexpected: 200, Content-Type, "+
			"Content-Length, Connection: close", sent, res.Status, res.Header)
	}
	if res.ContentLength != int64(len(page)) {
		t.Fatalf("sent: %s\nContent-Length is %d, but the page has %d bytes\n"+
			"likely cause: Content-Length counts characters, not bytes", sent,
			res.ContentLength, len(page))
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != page {
		t.Fatalf("sent: %s\nof the page came %.300q, and then: %v\nlikely "+
			"cause: %s", sent, body, err, cause)
	}
	// What follows is the end. A reset would be an error.
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		problem := "more than the response"
		if err != nil {
			problem = reason(err)
		}
		t.Fatalf("sent: %s\nafter the response came %.300q: %s\nlikely cause: "+
			"%s", sent, rest, problem, cause)
	}
}

func TestGreeting(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	send(t, c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
	checkGreeting(t, c, "GET /x", "the server does not answer")
	want := []string{"", "connection 1", `  "GET /x HTTP/1.1\r\n"`,
		`  "Host: a\r\n"`, `  "\r\n"`}
	for _, line := range want {
		if got := p.line(t); got != line {
			t.Errorf("the server printed %q, not %q", got, line)
		}
	}
}

// TestLongRequest sends more than the server reads before it answers.
func TestLongRequest(t *testing.T) {
	p := start(t)
	for _, size := range []int{1, 1024, 1025, 1 << 20} {
		c := p.dial(t)
		// The server may close while we send: only the response matters.
		go func() { _, _ = c.Write(bytes.Repeat([]byte("a"), size)) }()
		checkGreeting(t, c, fmt.Sprintf("%d times the letter a", size),
			"the socket was closed with unread bytes in it")
		c.Close()
	}
}

// TestClientsThatLeave connects clients that send nothing, or leave at once.
func TestClientsThatLeave(t *testing.T) {
	p := start(t)
	for i := range 20 {
		c := p.dial(t)
		if i%2 == 1 {
			send(t, c, "GET / HTTP/1.1\r\n")
		}
		if i%4 < 2 {
			// Close with a reset, as a crashed client does.
			if err := c.SetLinger(0); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
	}
	p.dial(t) // stays, and says nothing: the server waits 5 s at most
	c := p.dial(t)
	send(t, c, "GET / HTTP/1.1\r\n\r\n")
	checkGreeting(t, c, "GET /, after clients that left or say nothing",
		"the server waits for a client without a time limit")
	for {
		line := p.line(t)
		if line == "  ended early: the client said nothing for 5s" {
			break
		}
	}
}

func TestFlags(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, args := range [][]string{
		{"-addr", "nonsense"},
		{"-addr", "127.0.0.1:99999"},
		{"-addr", ""},
		{"-addr", "localhost:"},
		{"-addr", busy.Addr().String()},
		{"-nonsense"},
		{"extra"},
	} {
		out, said, code := finished(t, args...)
		if code != 1 || out != "" ||
			!regexp.MustCompile(`^step01-hello: .+\n$`).MatchString(said) {
			t.Errorf("%q: printed %q and, as an error, %q; status %d\n"+
				"expected: one line, and status 1", args, out, said, code)
		}
	}
	out, said, code := finished(t, "-h")
	if code != 0 || said != "" ||
		!strings.Contains(out, `(default "127.0.0.1:8080")`) {
		t.Errorf("-h: printed %q and, as an error, %q; status %d\nexpected: "+
			"the flag and its default, 127.0.0.1:8080, on standard output, "+
			"and status 0", out, said, code)
	}
}

// finished runs a step that ends by itself.
func finished(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(args...)
	var out, warnings bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &warnings
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // its error is the status again
	if !timer.Stop() {
		t.Fatalf("%q: timed out after %v, and should have ended at once\n"+
			"likely cause: the command line is not checked", args, patience)
	}
	return out.String(), warnings.String(), cmd.ProcessState.ExitCode()
}

func TestAddresses(t *testing.T) {
	const local4, local6 = "127.0.0.1", "::1"
	for _, test := range []struct{ addr, reached, other string }{
		{"localhost:0", "", ""},
		{":0", local4, local6},
		{"0.0.0.0:0", local4, local6},
		{"[::1]:0", local6, local4},
		{"[::]:0", local6, local4},
		{linkLocal(t), "", ""},
	} {
		t.Run(test.addr, func(t *testing.T) {
			needAddress(t, test.addr)
			p := start(t, "-addr", test.addr)
			c := p.dial(t)
			send(t, c, "GET / HTTP/1.1\r\n\r\n")
			checkGreeting(t, c, "GET / to "+p.addr, "the address is wrong")
			if test.reached != "" && !p.listensOn(test.reached) {
				t.Errorf("with -addr %s, the server does not listen on %s",
					test.addr, test.reached)
			}
			if test.other != "" && p.listensOn(test.other) {
				t.Errorf("with -addr %s, the server listens on %s too\n"+
					"likely cause: an IPv6 socket that takes IPv4 as well "+
					"(IPV6_V6ONLY)", test.addr, test.other)
			}
		})
	}
}

// needAddress skips the test if this machine lacks such an address.
func needAddress(t *testing.T, addr string) {
	t.Helper()
	if addr == "" {
		t.Skip("this machine has no link-local address with a zone")
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("this machine has no such address: %v", err)
	}
	listener.Close()
}

// listensOn reports whether a host's port is that of the server.
func (p *program) listensOn(host string) bool {
	_, port, _ := net.SplitHostPort(p.addr)
	c, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), patience)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// linkLocal returns an address such as [fe80::1%eth0]:0, if there is one.
func linkLocal(t *testing.T) string {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		addrs, _ := link.Addrs() // none: look on
		for _, addr := range addrs {
			ip, ok := addr.(*net.IPNet)
			if ok && ip.IP.To4() == nil && ip.IP.IsLinkLocalUnicast() &&
				link.Flags&net.FlagUp != 0 {
				return "[" + ip.IP.String() + "%" + link.Name + "]:0"
			}
		}
	}
	return ""
}
