// These tests start the real server and talk to it over real sockets.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It is long, since a
// busy machine is no reason to fail.
const patience = 20 * time.Second

// TestMain makes the test binary run the server instead of the tests when
// start asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_SERVER") == "" {
		os.Exit(m.Run())
	}
	main()
	os.Exit(0)
}

// program is a running step.
type program struct {
	cmd    *exec.Cmd
	addr   string // "host:port"
	out    *bufio.Reader
	stderr bytes.Buffer
}

// command prepares a run of this step with these flags.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RUN_SERVER=1")
	return cmd
}

// start runs this step on a free port until the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: command(append([]string{"-addr", "127.0.0.1:0"},
		args...)...)}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The errors say how it has ended: that is no matter.
		_ = p.cmd.Process.Signal(os.Interrupt)
		_ = p.cmd.Wait()
		if p.stderr.Len() > 0 {
			t.Errorf("the server printed:\n%s", p.stderr.String())
		}
	})
	p.out = bufio.NewReader(stdout)
	first := p.line(t)
	form := regexp.MustCompile(
		`^step01-hello: serving http://(.+:\d+)/ \(pid \d+; Ctrl-C to stop\)$`)
	found := form.FindStringSubmatch(first)
	if found == nil {
		t.Fatalf("printed %q first, not a line of the form %v", first, form)
	}
	p.addr = found[1]
	return p
}

// line reads the next line that the server prints.
func (p *program) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the server printed %q and then no more: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// dial connects to the server. The connection is closed when the test ends.
func (p *program) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", p.addr)
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
		t.Fatalf("could not send %q: %v", text, err)
	}
}

// checkGreeting reads the response and checks it. The parser is that of
// net/http: it would not forgive us a mistake.
func checkGreeting(t *testing.T, c io.Reader, sent string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("sent %s, but no response came back: %v", sent, err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != page || res.StatusCode != 200 ||
		res.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		res.ContentLength != int64(len(page)) || !res.Close {
		t.Errorf("sent %s. This came back:\n%s %v\n%s\nerror: %v\nexpected: "+
			"200, Connection: close, and the whole page\nlikely cause: the "+
			"length counts characters, not bytes; or the socket was closed "+
			"with unread bytes in it", sent, res.Status, res.Header, body, err)
	}
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.dial(t)
	send(t, c, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
	checkGreeting(t, c, "GET /x")
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
	t.Parallel()
	p := start(t)
	for _, size := range []int{1, 1024, 1025, 1 << 20} {
		c := p.dial(t)
		// The server may close while we send: only the response matters.
		go func() { _, _ = c.Write(bytes.Repeat([]byte("a"), size)) }()
		checkGreeting(t, c, strings.Repeat("a", min(size, 3))+"…")
		c.Close()
	}
}

// TestClientsThatLeave connects clients that send nothing, or leave at once.
func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
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
	checkGreeting(t, c, "GET / after clients that left or said nothing")
}

func TestFlags(t *testing.T) {
	t.Parallel()
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
		{"extra"},
	} {
		out, err := command(args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 ||
			!regexp.MustCompile(`^step01-hello: .+\n$`).Match(out) {
			t.Errorf("%v: %v\n%s\nexpected: status 1 and one line", args, err,
				out)
		}
	}
}
