// These tests start the real server and talk to it over real sockets. They hold
// for every step from 2 on, whatever its model.

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain runs the tests in the order in which their failures help: first the
// lesson of the step, then the server as a whole, then its parts. The first
// failure ends the run: most of those after it would have the same cause. With
// -failfast=false, all tests run. No test runs beside another, so the first
// failure is always the same.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_SERVER") != "" {
		runServer()
	}
	flag.Parse()
	// Two runs would report the coverage of half the tests each.
	stopEarly, all := "true", testing.CoverMode() == ""
	flag.Visit(func(f *flag.Flag) { // those that are set
		switch f.Name {
		case "test.failfast":
			stopEarly = f.Value.String()
		case "test.run", "test.skip", "test.list", "test.bench", "test.fuzz":
			all = false
		}
	})
	setFlag("test.failfast", stopEarly)
	if all {
		setFlag("test.run", outside)
		if code := m.Run(); code != 0 {
			os.Exit(code)
		}
		setFlag("test.run", "")
		setFlag("test.skip", outside)
	}
	os.Exit(m.Run())
}

// outside matches the tests that talk to the server from outside.
const outside = "^Test(Lesson|Server)"

func setFlag(name, value string) {
	if err := flag.Set(name, value); err != nil {
		panic(err)
	}
}

// runServer makes this process the server, since command asks for it.
func runServer() {
	// Some tests want a server with few descriptors.
	if n, err := strconv.ParseUint(os.Getenv("MAX_FILES"), 10, 16); err == nil {
		var limit syscall.Rlimit
		limit.Cur, limit.Max = n, n
		err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
		if err != nil {
			fatal("setrlimit: %v", err)
		}
	}
	main()
	os.Exit(0)
}

// timedOut tells that a test has waited in vain.
var timedOut atomic.Bool

// patience is how long a test waits for what must come. It is long, since a
// busy machine is no reason to fail. Once a test has waited in vain, all waits
// are shorter: one mistake must not add up to minutes.
func patience() time.Duration {
	if timedOut.Load() {
		return 2 * time.Second
	}
	return 10 * time.Second
}

// program is a running step.
type program struct {
	cmd    *exec.Cmd
	addr   string   // "host:port"
	out    *os.File // what it prints
	stderr buffer
	read   chan bool // closed when all that it printed is read
	ended  chan bool // closed when it has ended
	exit   error     // how it has ended

	mu    sync.Mutex
	lines []string // of standard output, after the first
}

// buffer keeps what is written to it, and may be read at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// command prepares a run of this step with these flags.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	// With -race, each process would wait a second before it ends.
	cmd.Env = append(os.Environ(), "RUN_SERVER=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// start runs this step on a free port until the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	return startWith(t, "", args...)
}

// startWith is start with one more environment variable.
func startWith(t *testing.T, env string, args ...string) *program {
	t.Helper()
	cmd := command(t, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(cmd.Env, env)
	return run(t, cmd)
}

// run runs a command that serves, until the test ends.
func run(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: cmd, out: out, read: make(chan bool),
		ended: make(chan bool)}
	cmd.Stdout, cmd.Stderr = in, &p.stderr
	// Children of the server may live on and have its standard error.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	go func() {
		p.exit = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() { p.stop(t) })

	// If the deadline cannot be set, a silent server is waited for longer.
	_ = out.SetReadDeadline(time.Now().Add(patience()))
	lines := bufio.NewScanner(out)
	lines.Scan()
	_ = out.SetReadDeadline(time.Time{})
	p.readStartLine(t, lines.Text())
	go p.collect(lines)
	return p
}

// startLine is what a step prints when it is ready.
var startLine = regexp.MustCompile(
	`^step0\d-\w+: serving http://(.+:\d+)/ \(pid (\d+); Ctrl-C to stop\)$`)

// readStartLine takes the address from the first line that the server prints.
func (p *program) readStartLine(t *testing.T, line string) {
	t.Helper()
	found := startLine.FindStringSubmatch(line)
	if found == nil {
		if fate := p.fate(); strings.Contains(fate, "system call of Linux") {
			t.Skip(fate)
		}
		t.Fatalf("started with %q, the server printed %q first, not a line of "+
			"the form %v\n%s", p.cmd.Args[1:], line, startLine, p.fate())
	}
	p.addr = found[1]
	if pid := strconv.Itoa(p.cmd.Process.Pid); found[2] != pid {
		t.Errorf("the first line names pid %s, but the server is process %s",
			found[2], pid)
	}
}

// crash is how a Go program reports what should never happen.
var crash = regexp.MustCompile(
	`(?m)^(WARNING: DATA RACE|panic:|fatal error:).*`)

// fate tells in words if the server, or a child of it, has ended or crashed.
func (p *program) fate() string {
	select {
	case <-p.ended:
	case <-time.After(100 * time.Millisecond): // it may be about to end
		if !crash.MatchString(p.stderr.String()) {
			return ""
		}
	}
	how := "a part of the server crashed"
	select {
	case <-p.ended:
		how = fmt.Sprintf("the server has ended (%v)", p.exit)
	default:
	}
	return how + ", and its last words are " + short(p.stderr.String())
}

// stop ends the server, and looks whether all went well until then.
func (p *program) stop(t *testing.T) {
	// The errors say that it has ended already, and how: that is no matter.
	_ = p.cmd.Process.Signal(os.Interrupt)
	limit := patience() / 2
	select {
	case <-p.ended:
	case <-time.After(limit):
		t.Errorf("Ctrl-C did not end the server within %v: it was killed",
			limit)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	p.out.Close()
	if first := crash.FindString(p.stderr.String()); first != "" {
		t.Errorf("the server printed %q:\n%s", first, p.stderr.String())
	}
}

// collect keeps the lines that the server prints.
func (p *program) collect(lines *bufio.Scanner) {
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		p.mu.Unlock()
	}
	close(p.read)
}

// line waits for the n-th line of the log, counted from 0.
func (p *program) line(t *testing.T, n int, cause ...string) string {
	t.Helper()
	var line string
	waitFor(t, "line "+strconv.Itoa(n)+" of the log", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if n < len(p.lines) {
			line = p.lines[n]
			return true
		}
		select {
		case <-p.read:
			t.Fatalf("the log ends before its line %d: %s%s", n, p.fate(),
				likely(nil, cause))
		default:
		}
		return false
	})
	return line
}

// checkEnd checks the n-th line of the log: it must say how connection 1 ended.
func (p *program) checkEnd(t *testing.T, n int, why string) {
	t.Helper()
	form := regexp.MustCompile(`^conn 1  pid \d+( tid \d+)?  ended: ` + why +
		`$`)
	line := p.line(t, n, leftEarly)
	if !form.MatchString(line) {
		t.Errorf("line %d of the log is %q, not of the form %q", n, line, form)
	}
}

// leftEarly is the likeliest cause when the server is gone after a client.
const leftEarly = "a client that left early ended the server"

// waitFor polls until cond holds.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	limit := patience()
	for end := time.Now().Add(limit); !cond(); {
		if time.Now().After(end) {
			timedOut.Store(true)
			t.Fatalf("timed out after %v, waiting for %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// peer is the other end of a connection to the server.
type peer struct {
	*net.TCPConn
	t     *testing.T
	p     *program
	limit time.Duration // how long it waits
	sent  strings.Builder
	in    *bufio.Reader
}

// dial connects to the server. The connection is closed when the test ends.
func (p *program) dial(t *testing.T, cause ...string) *peer {
	t.Helper()
	limit := patience()
	conn, err := net.DialTimeout("tcp", p.addr, limit)
	if err != nil {
		t.Fatalf("cannot connect to the server: %v\n%s%s", err, p.fate(),
			likely(err, cause))
	}
	t.Cleanup(func() { conn.Close() })
	c := &peer{TCPConn: conn.(*net.TCPConn), t: t, p: p, limit: limit,
		in: bufio.NewReader(conn)}
	c.renew()
	return c
}

// renew lets what comes next take as long as this client waits.
func (c *peer) renew() {
	c.t.Helper()
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		c.t.Fatal(err)
	}
}

// reason tells in words why a connection gave or took no more.
func (c *peer) reason(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		timedOut.Store(true)
		return fmt.Sprintf("timed out after %v", c.limit)
	}
	if fate := c.p.fate(); fate != "" {
		return fate
	}
	var errno syscall.Errno
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return "the server ended the connection"
	case errors.As(err, &errno):
		return errno.Error() // without the addresses
	}
	return err.Error()
}

// send sends some text.
func (c *peer) send(text string) {
	c.t.Helper()
	c.renew()
	c.sent.WriteString(text)
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("could not send %s: %s", short(text), c.reason(err))
	}
}

// reply is a response as the client sees it.
type reply struct {
	status int
	header http.Header
	body   string
}

// String shows the reply in a test failure.
func (r reply) String() string {
	if r.status == 0 {
		return "nothing"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", r.status, http.StatusText(r.status))
	var fields []string
	for name, values := range r.header {
		fields = append(fields, fmt.Sprintf("\n  %s: %q", name, values))
	}
	slices.Sort(fields)
	return b.String() + strings.Join(fields, "") + "\n  " + short(r.body)
}

// likely says which mistake is the likeliest, unless an error says it already.
func likely(err error, causes []string) string {
	if err != nil && strings.Contains(err.Error(), "likely cause") {
		return ""
	}
	if len(causes) == 0 {
		return ""
	}
	return "\nlikely cause: " + causes[0]
}

// receive reads the response to a request with this method. If none comes, the
// test ends, and names the cause.
func (c *peer) receive(method string, cause ...string) reply {
	c.t.Helper()
	r, err := c.tryReceive(method)
	if err != nil {
		c.t.Fatalf("sent: %s\ncame: %v\nproblem: %v%s",
			short(c.sent.String()), r, err, likely(err, cause))
	}
	return r
}

// tryReceive is receive for those who expect that it fails. The parser is that
// of net/http: it would not forgive us the mistakes that ours would overlook.
func (c *peer) tryReceive(method string) (reply, error) {
	c.t.Helper()
	c.renew()
	first, err := c.in.Peek(5)
	if err != nil {
		return reply{}, fmt.Errorf("instead of a response came %q: %s", first,
			c.reason(err))
	}
	if string(first) != "HTTP/" {
		first, _ = c.in.Peek(c.in.Buffered())
		return reply{}, fmt.Errorf("this is no response: %s\nlikely cause: "+
			"the response before it is longer than its Content-Length, which "+
			"counts characters, perhaps, and not bytes", short(string(first)))
	}
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return reply{}, fmt.Errorf("the head of the response is not whole: %s",
			c.reason(err))
	}
	defer res.Body.Close()
	if res.Close {
		res.Header.Set("Connection", "close") // ReadResponse takes it out
	}
	r := reply{res.StatusCode, res.Header, ""}
	if res.ContentLength < 0 {
		return r, errors.New("there is no Content-Length\nlikely cause: it " +
			"is left out, so the client cannot know where the response ends")
	}
	body, err := io.ReadAll(res.Body)
	if r.body = string(body); err != nil {
		err = fmt.Errorf("of the %d bytes that Content-Length promises came "+
			"%d: %s", res.ContentLength, len(body), c.reason(err))
	}
	return r, err
}

// end checks that nothing follows the last response: the server closes.
func (c *peer) end() {
	c.t.Helper()
	c.renew()
	rest, err := io.ReadAll(c.in)
	switch {
	case len(rest) > 0:
		c.t.Errorf("sent: %s\nafter the end of the last response came %d more "+
			"bytes: %s\nlikely cause: Content-Length counts characters, not "+
			"bytes; or HEAD got a body", short(c.sent.String()), len(rest),
			short(string(rest)))
	case err != nil:
		c.t.Errorf("sent: %s\nafter the last response, the connection does "+
			"not end: %s", short(c.sent.String()), c.reason(err))
	}
}

// get asks for a target on a connection of its own.
func (p *program) get(t *testing.T, target string, cause ...string) reply {
	t.Helper()
	c := p.dial(t, cause...)
	defer c.Close()
	c.send("GET " + target + " HTTP/1.1\r\nHost: test\r\n" +
		"Connection: close\r\n\r\n")
	r := c.receive("GET", cause...)
	c.end()
	return r
}

// hold connects n clients that send all of a request but its last line.
func hold(t *testing.T, p *program, n int) []*peer {
	t.Helper()
	var held []*peer
	for range n {
		c := p.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n")
		held = append(held, c)
	}
	return held
}

// finish sends the last line, returns the response, and leaves.
func (c *peer) finish(t *testing.T, cause ...string) reply {
	t.Helper()
	defer c.Close()
	c.send("\r\n")
	return c.receive("GET", cause...)
}

// short quotes the beginning of what came from the network: what is not visible
// shows, and nothing can send commands to a terminal.
func short(s string) string {
	const most = 300
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%q and %d bytes more", s[:most], len(s)-most)
}

func TestServerSite(t *testing.T) {
	p := start(t)
	files, err := os.ReadDir("html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		want, err := os.ReadFile(filepath.Join("html", file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got := p.get(t, "/"+file.Name())
		if got.status != 200 || got.body != string(want) {
			t.Fatalf("GET /%s: expected the %d bytes of html/%s, but got: %v"+
				"\nlikely cause: %s", file.Name(), len(want), file.Name(), got,
				cutOff(got, want, "the file was read as text, and what is "+
					"none was replaced"))
		}
		if got.header.Get("Content-Type") == "" {
			t.Fatalf("GET /%s: there is no Content-Type in: %v\nlikely cause: "+
				"it is left out, so a browser must guess what the file is",
				file.Name(), got)
		}
		p.checkHead(t, file.Name(), got)
	}
}

// cutOff returns the likeliest cause of a wrong body: if it is the beginning of
// the right one, another than cause.
func cutOff(got reply, want []byte, cause string) string {
	if got.status == 200 && bytes.HasPrefix(want, []byte(got.body)) {
		return "Content-Length counts characters, not bytes, so that the end " +
			"of the page is cut off"
	}
	return cause
}

// checkHead checks that HEAD gives the same fields as GET, and no body.
func (p *program) checkHead(t *testing.T, name string, get reply) {
	t.Helper()
	c := p.dial(t)
	defer c.Close()
	c.send("HEAD /" + name + " HTTP/1.1\r\nHost: test\r\n" +
		"Connection: close\r\n\r\n")
	head := c.receive("HEAD")
	c.end()
	for _, field := range []string{"Content-Type", "Content-Length"} {
		if head.header.Get(field) != get.header.Get(field) {
			t.Errorf("HEAD /%s has %s: %q, but GET has %q", name, field,
				head.header.Get(field), get.header.Get(field))
		}
	}
}

// requests are single requests and what must come back.
var requests = []struct {
	send   string
	status int
	about  string
}{
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "the plainest request of all"},
	{"GET / HTTP/1.0\r\n\r\n", 200, "HTTP/1.0 needs no Host"},
	{"GET / HTTP/1.1\nHost: a\n\n", 200, "LF must end a line, for nc"},
	{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "a leading empty line"},
	{"GET /?a=b HTTP/1.1\r\nHost: a\r\n\r\n", 200,
		"the query is no part of the name"},
	{"GET http://a/lab.html HTTP/1.1\r\nHost: a\r\n\r\n", 200, "absolute form"},
	{"GET /%6cab.html HTTP/1.1\r\nHost: a\r\n\r\n", 200,
		"a path is percent-decoded: %6c is an l"},
	{"GET /../../lab.html HTTP/1.1\r\nHost: a\r\n\r\n", 200,
		".. never leads out of the site"},
	{"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404,
		"what is missing is 404, and no fault of the request"},
	{"GET /../main.go HTTP/1.1\r\nHost: a\r\n\r\n", 404, "outside the site"},
	{"GET /%2e%2e/main.go HTTP/1.1\r\nHost: a\r\n\r\n", 404, "decode first"},
	{"GET /lab.html/ HTTP/1.1\r\nHost: a\r\n\r\n", 404, "no directory"},
	{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "two Hosts"},
	{"GET / HTTP/1.1\r\n\r\n", 400, "no Host"},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "a Host has no spaces"},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "a space before the colon"},
	{"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400, "a folded line"},
	{"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400, "control character"},
	{"GET / HTTP/1.1\rHost: a\r\n\r\n", 400, "a lone CR ends no line"},
	{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "two spaces"},
	{"GET /\r\n\r\n", 400, "no version"},
	{"GET lab.html HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no slash"},
	{"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "a bad escape"},
	{"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NUL in a name"},
	{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "an unknown version"},
	{"GET / HTTP/1.1\r\nHost: a", 400, "the client stopped in the head"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 405, "POST"},
	{"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "a method of RFC 9110"},
	{"PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "PATCH has an RFC too"},
	{"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "nobody knows this method"},
	{"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "methods are case-sensitive"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 200,
		"a small body of a GET is dropped"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413,
		"a large body of a GET"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nhi", 400,
		"only digits"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" +
		"Content-Length: 3\r\n\r\nhi", 400, "two lengths"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "two framings"},
	{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"0\r\n\r\n", 411, "chunked"},
	{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501,
		"another transfer coding"},
	{"GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414,
		"the request line alone is too long"},
	{"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 9000) +
		"\r\n\r\n", 431, "the head is too long"},
}

func TestServerRequests(t *testing.T) {
	p := start(t)
	for _, test := range requests {
		c := p.dial(t)
		c.send(test.send)
		// If the server has closed already, its response will say why.
		_ = c.CloseWrite()
		method, _, _ := strings.Cut(strings.TrimLeft(test.send, "\r\n"), " ")
		got := c.receive(method)
		c.end()
		if got.status != test.status {
			t.Errorf("sent: %s\nexpected: %d\ncame: %v\nlikely cause: the "+
				"server does not know this: %s", short(test.send), test.status,
				got, test.about)
		}
		if allow := got.header.Get("Allow"); got.status == 405 &&
			allow != "GET, HEAD" {
			t.Errorf("405 came with Allow: %q, not \"GET, HEAD\"", allow)
		}
		if kind := got.header.Get("Content-Type"); got.status >= 400 &&
			(!strings.HasPrefix(kind, "text/html") || got.body == "") {
			t.Errorf("%d came without a page: a browser shows nothing\n%v",
				got.status, got)
		}
		c.Close()
	}
}

// TestServerHeldClients ends its requests later, one client after the other.
func TestServerHeldClients(t *testing.T) {
	p := start(t)
	for n, c := range hold(t, p, 3) {
		got := c.finish(t, "a request that is not complete keeps others out")
		if got.status != 200 {
			t.Fatalf("client %d sent its last line, and got: %v\nlikely "+
				"cause: the server does not wait for the rest of a request",
				n+1, got)
		}
	}
}

func TestServerFragments(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	// One byte in each packet: SetNoDelay keeps the kernel from joining them.
	if err := c.SetNoDelay(true); err != nil {
		t.Fatal(err)
	}
	for _, b := range "GET /lab.html HTTP/1.1\r\nHost: test\r\n\r\n" {
		c.send(string(b))
	}
	const cause = "one read is taken for a whole request"
	if got := c.receive("GET", cause); got.status != 200 {
		t.Errorf("sent a request, one byte at a time\nexpected: 200\ncame: %v"+
			"\nlikely cause: %s", got, cause)
	}
}

func TestServerHeadOfExactly8KiB(t *testing.T) {
	p := start(t)
	for size, want := range map[int]int{8192: 200, 8193: 431} {
		head := "GET / HTTP/1.1\r\nHost: test\r\nX: "
		head += strings.Repeat("a", size-len(head)-4) + "\r\n\r\n"
		c := p.dial(t)
		c.send(head)
		if got := c.receive("GET"); got.status != want {
			t.Errorf("a head of %d bytes got %d, not %d", size, got.status,
				want)
		}
		c.Close()
	}
}

// kept reports whether the connection stays open after this response.
func (r reply) kept() bool { return r.header.Get("Connection") != "close" }

// TestServerTwoRequests sends two requests at once. The first has a body that
// looks like a request: no byte of it may ever be taken for one.
func TestServerTwoRequests(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	trap := "GET /trap HTTP/1.1\r\nHost: test\r\n\r\n"
	c.send("GET /style.css HTTP/1.1\r\nHost: test\r\nContent-Length: " +
		strconv.Itoa(len(trap)) + "\r\n\r\n" + trap +
		"GET /missing HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	first := c.receive("GET")
	if first.status != 200 {
		t.Fatalf("the first response is: %v", first)
	}
	if first.kept() {
		if second := c.receive("GET"); second.status != 404 || second.kept() {
			t.Errorf("the second response is: %v\nexpected: 404, and "+
				"Connection: close\nlikely cause: the body of the first "+
				"request is taken for a request", second)
		}
	}
	c.end()
	for n, want := range []string{"/style.css", "/missing"} {
		if n > 0 && !first.kept() {
			break
		}
		if line := p.line(t, n); !strings.Contains(line, " "+want+" ") {
			t.Errorf("line %d of the log is %q, not about %s", n, line, want)
		}
	}
}

// serverField is a Server field with its numbers.
var serverField = regexp.MustCompile(`^(step0[2-7]-\w+) \(pid (\d+)(?:; tid ` +
	`(\d+))?; conn (\d+); request (\d+)\)$`)

// facts are what a Server field says.
type facts struct {
	step                     string
	pid, tid, conn, requests int
}

// facts takes the numbers from the Server field. tid is 0 where it is left out.
func (r reply) facts(t *testing.T) facts {
	t.Helper()
	m := serverField.FindStringSubmatch(r.header.Get("Server"))
	if m == nil {
		t.Fatalf("the field Server is %q, not of the form %v",
			r.header.Get("Server"), serverField)
	}
	var n [4]int
	for i, s := range m[2:] {
		n[i], _ = strconv.Atoi(s) // digits, or empty: then it is 0
	}
	return facts{m[1], n[0], n[1], n[2], n[3]}
}

func TestServerFieldAndLog(t *testing.T) {
	p := start(t)
	p.get(t, "/style.css")
	got := p.get(t, "/lab.html?x=1")
	f := got.facts(t)
	if f.conn != 2 || f.requests != 1 {
		t.Errorf("Server is %q, but it was request 1 of connection 2",
			got.header.Get("Server"))
	}
	if runtime.GOOS == "linux" && f.tid == 0 {
		t.Errorf("Server is %q: on Linux it tells the thread",
			got.header.Get("Server"))
	}
	who := fmt.Sprintf("pid %d", f.pid)
	if f.tid > 0 {
		who += fmt.Sprintf(" tid %d", f.tid)
	}
	want := fmt.Sprintf("conn 2 request 1  %s  GET /lab.html?x=1  200  "+
		"%d bytes", who, len(got.body))
	if diff := cmp.Diff(want, p.line(t, 1)); diff != "" {
		t.Errorf("the second line of the log (-want +got):\n%s", diff)
	}
	_, err := time.Parse(http.TimeFormat, got.header.Get("Date"))
	if err != nil {
		t.Errorf("Date is not an IMF-fixdate: %v", err)
	}
}

// inDirectory are paths in a directory, and what must come back: a status and
// a field.
var inDirectory = []struct {
	target, field, want string
	status              int
	about               string
}{
	{"/../secret.txt", "Location", "", 404,
		".. never leads out of the site"},
	{"/link", "Location", "", 404, "a link never leads out of the site"},
	{"/sub", "Location", "/sub/", 301, "a directory gets a slash"},
	{"/sub?a=b", "Location", "/sub/?a=b", 301, "the query stays"},
	{"//sub", "Location", "/sub/", 301, "//sub would be another host"},
	{"/sub/", "Content-Type", "text/html; charset=utf-8", 200,
		"index.html is the page of a directory"},
	{"/sub/%C3%BC.txt", "Content-Type", "text/plain; charset=utf-8", 200,
		"a path is percent-decoded"},
	{"/empty/a.unknown", "Content-Type", "application/octet-stream", 200,
		"an unknown suffix has a type too"},
	{"/empty/a.unknown", "Content-Length", "3", 200,
		"a file is bytes, and need not be text"},
	{"/empty/", "Location", "", 404, "there is no index.html"},
	{"/pipe", "Location", "", 404, "only regular files are served"},
}

func TestServerDirectory(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "site")
	secret := filepath.Join(top, "secret.txt")
	writeFile(t, secret, "secret")
	writeFile(t, filepath.Join(dir, "sub", "index.html"), "<p>one")
	writeFile(t, filepath.Join(dir, "sub", "ü.txt"), "hello")
	writeFile(t, filepath.Join(dir, "empty", "a.unknown"), "\x00\xff\xfe")
	if err := os.Symlink(secret, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-dir", dir)
	for _, test := range inDirectory {
		got := p.get(t, test.target, test.about)
		if got.status != test.status ||
			got.header.Get(test.field) != test.want {
			t.Fatalf("GET %s: expected %d and %s: %q, but got: %v\n"+
				"likely cause: the server does not know this: %s", test.target,
				test.status, test.field, test.want, got, test.about)
		}
	}
}

func TestServerNoIndex(t *testing.T) {
	p := start(t, "-dir", t.TempDir())
	waitFor(t, "the server to print that index.html is missing", func() bool {
		return strings.Contains(p.stderr.String(), "there is no index.html")
	})
	if said := p.stderr.String(); strings.Count(said, "\n") != 1 {
		t.Errorf("about a missing index.html, the server prints %q, not a line",
			said)
	}
	if got := p.get(t, "/"); got.status != 404 ||
		!strings.Contains(got.body, "index.html") {
		t.Errorf("GET / without index.html gives: %v\nexpected: 404, and a "+
			"page that names index.html", got)
	}
}

func TestServerEditedFile(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "-dir", dir)
	for _, page := range []string{"<p>one", "<p>two", "<p>three", ""} {
		writeFile(t, filepath.Join(dir, "index.html"), page)
		if got := p.get(t, "/"); got.status != 200 || got.body != page {
			t.Errorf("edited to %q, but GET / gives: %v\n"+
				"likely cause: the server remembers the file", page, got)
		}
	}
}

// writeFile writes a file, and makes the directories above it.
func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// largeFile makes a file that is far larger than all buffers on the way, and
// has no byte 0: a padded response would show it.
func largeFile(t *testing.T) (dir string, content []byte) {
	t.Helper()
	dir = t.TempDir()
	content = make([]byte, 24<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // it never fails
	for i, b := range content {
		content[i] = max(b, 1)
	}
	writeFile(t, filepath.Join(dir, "large.bin"), string(content))
	return dir, content
}

// askForLarge asks for the large file and reads only the response head.
func askForLarge(t *testing.T, p *program) (*peer, *http.Response) {
	t.Helper()
	c := p.dial(t)
	// A small receive buffer: the server cannot hand everything to the kernel.
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send("GET /large.bin HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatalf("asked for a large file, but no response came: %s",
			c.reason(err))
	}
	t.Cleanup(func() { res.Body.Close() })
	return c, res
}

// takeLarge takes the whole large file, and checks it. If it is not whole, the
// test ends, and names the cause.
func takeLarge(t *testing.T, c *peer, body io.Reader, want []byte,
	cause string) {
	t.Helper()
	c.renew()
	got, err := io.ReadAll(body)
	if err == nil && bytes.Equal(got, want) {
		return
	}
	problem := "they are not those of the file"
	if err != nil {
		problem = c.reason(err)
	}
	t.Fatalf("sent: %s\ncame: %d of the %d bytes of a file\nproblem: %s\n"+
		"likely cause: %s", short(c.sent.String()), len(got), len(want),
		problem, cause)
}

// partial is the likeliest cause when a large file does not come whole.
const partial = "a write took only a part of its bytes, and the others were " +
	"never sent"

func TestServerLargeFile(t *testing.T) {
	dir, want := largeFile(t)
	p := start(t, "-dir", dir)
	c, res := askForLarge(t, p)
	takeLarge(t, c, res.Body, want, partial)
}

func TestServerFileThatShrinks(t *testing.T) {
	dir, want := largeFile(t)
	p := start(t, "-dir", dir)
	_, res := askForLarge(t, p)
	if err := os.Truncate(filepath.Join(dir, "large.bin"), 1<<20); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(res.Body)
	if err == nil || !bytes.HasPrefix(want, got) {
		t.Errorf("the file shrank under way. %d bytes came, error %v, all of "+
			"the file: %v\nexpected: the connection ends early, unpadded",
			len(got), err, bytes.HasPrefix(want, got))
	}
	if p.get(t, "/large.bin").status != 200 {
		t.Error("after that, the server does not serve the file any more")
	}
}

func TestServerFileThatGrows(t *testing.T) {
	dir, want := largeFile(t)
	p := start(t, "-dir", dir)
	c, res := askForLarge(t, p)
	name := filepath.Join(dir, "large.bin")
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("more"); err != nil {
		t.Fatal(err)
	}
	takeLarge(t, c, res.Body, want, partial)
	c.end()
}

// TestServerResponseArrives sends far more than the server reads. If it closed
// with unread bytes in its socket, a reset would destroy what is still on its
// way.
func TestServerResponseArrives(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "page"), strings.Repeat("a", 1<<20))
	p := start(t, "-dir", dir)
	body := strings.Repeat("GET /trap HTTP/1.1\r\nHost: a\r\n\r\n", 30_000)
	for _, request := range []string{
		"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + body,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n" + body,
		body[1:] + "\x00",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n" + body,
	} {
		c := p.dial(t)
		// A small receive buffer keeps the response on its way. So does a break
		// after its first byte: meanwhile, the server comes to its end.
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		// The server may close while we send: only the response matters.
		go func() { _, _ = io.WriteString(c, request) }()
		_, _ = c.in.Peek(1) // tryReceive tells the error
		time.Sleep(50 * time.Millisecond)
		if got, err := c.tryReceive("GET"); err != nil {
			t.Fatalf("sent: %s and %d bytes more\ncame: %v\nproblem: %v\n"+
				"likely cause: the socket was closed with unread bytes in it",
				short(request[:60]), len(request)-60, got, err)
		}
		c.Close()
	}
}

// TestServerClientsThatLeave: whenever a client leaves, the server goes on.
func TestServerClientsThatLeave(t *testing.T) {
	dir, _ := largeFile(t)
	p := start(t, "-dir", dir)
	p.dial(t).Close()
	p.checkEnd(t, 0, "the client left without a word")
	for i := range 40 {
		c := p.dial(t)
		switch i % 4 {
		case 1:
			c.send("GET /large.bin HT")
		case 2:
			c.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
		case 3:
			c.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
			_, _ = c.in.ReadByte() // the response has begun
		}
		if i%8 < 4 {
			// Close with a reset, as a crashed client does.
			if err := c.SetLinger(0); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
	}
	got := p.get(t, "/large.bin", leftEarly)
	if got.status != 200 {
		t.Errorf("after clients that left early, the server gives: %v", got)
	}
	waitFor(t, "the server to close the connections of clients that left",
		func() bool { return p.sockets(t) == 0 })
}

// sockets counts the connections that the server, or a child of it, has open.
// Where the system does not tell, it is 0.
func (p *program) sockets(t *testing.T) int {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(p.addr)
	n, _ := strconv.Atoi(port)
	local := fmt.Sprintf("0100007F:%04X", n)
	count := 0
	for line := range strings.Lines(string(table)) {
		// sl local remote state … inode: without one, nobody has it open.
		f := strings.Fields(line)
		const listening = "0A"
		if f[1] == local && f[3] != listening && f[9] != "0" {
			count++
		}
	}
	return count
}

// The time limits are a tenth here: see conn_test.go.
const shortLimits = "SHORT_LIMITS=10"

// noLimit is the likeliest cause when the server keeps a slow client.
const noLimit = "the server waits for a client without a time limit"

func TestServerSilentClient(t *testing.T) {
	p := startWith(t, shortLimits)
	p.giveUpSilent(t)
	p.checkEnd(t, 0, "the client said nothing")
	if got := p.get(t, "/", noLimit); got.status != 200 {
		t.Errorf("the next client got: %v", got)
	}
}

// giveUpSilent checks that the server gives up a client that says nothing.
func (p *program) giveUpSilent(t *testing.T) {
	t.Helper()
	c := p.dial(t)
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		problem := "it got a response"
		if err != nil {
			problem = c.reason(err)
		}
		t.Fatalf("a client said nothing, and its connection should end after "+
			"%v\ncame: %s\nproblem: %s\nlikely cause: %s", silentTenth,
			short(string(rest)), problem, noLimit)
	}
}

// silentTenth is a tenth of the time that a client may say nothing.
const silentTenth = 500 * time.Millisecond

// TestServerDrippingClient sends a byte now and then. A limit for each read
// would let it go on for ever: the limit is for the whole head.
func TestServerDrippingClient(t *testing.T) {
	p := startWith(t, shortLimits)
	c := p.dial(t)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nX: ")
		for range time.Tick(50 * time.Millisecond) {
			if _, err := io.WriteString(c, "a"); err != nil {
				return
			}
		}
	}()
	got, err := c.tryReceive("GET")
	if err != nil || got.status != 408 {
		t.Errorf("sent a head, a byte now and then\nexpected: 408\ncame: %v\n"+
			"problem: %v\nlikely cause: there is no time limit for the whole "+
			"head, or there is one for each read", got, err)
	}
	c.Close()
	<-ended
}

// TestServerStuckClient asks for a large file and takes no byte of it.
func TestServerStuckClient(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("only Linux tells whether the server has dropped a client")
	}
	dir, want := largeFile(t)
	// The client says all at once, so it is in time for shorter limits too.
	p := startWith(t, "SHORT_LIMITS=30", "-dir", dir)
	_, res := askForLarge(t, p)
	waitFor(t, "the server to drop a client that takes no byte of its response"+
		"\nlikely cause: "+noLimit, func() bool { return p.sockets(t) == 0 })
	if got, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("dropped, but %d of %d bytes came without an error", len(got),
			len(want))
	}
	p.checkEnd(t, 1, "the client takes no byte of the response")
}

// TestServerDescriptors: with few descriptors, there are fewer connections at a
// time, but nobody hears of it: whoever does not get in at once waits.
func TestServerDescriptors(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "index.html"), "<p>hello")
	p := startWith(t, "MAX_FILES=64", "-dir", dir)
	for _, n := range []int{16, 48} {
		clients := hold(t, p, n)
		for _, c := range clients {
			c.send("\r\n") // now all of them ask
		}
		for i, c := range clients {
			got := c.receive("GET", "accept failed for want of descriptors, "+
				"and that ended or stopped the server")
			if got.status != 200 {
				t.Fatalf("client %d of %d got: %v\nlikely cause: connections "+
					"took all descriptors, and none was left for the file",
					i+1, n, got)
			}
			c.Close()
		}
		said := p.stderr.String()
		if strings.Contains(said, "too many open files") ||
			n == 16 && said != "" {
			t.Errorf("%d clients, 64 descriptors: none is missing, but the "+
				"server says %s", n, short(said))
		}
	}
}

// finished runs a step that ends by itself.
func finished(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(t, args...)
	var out, warnings buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &warnings, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := patience()
	timer := time.AfterFunc(limit, func() {
		timedOut.Store(true)
		_ = cmd.Process.Kill()
	})
	err := cmd.Wait()
	if !timer.Stop() {
		t.Fatalf("%q: timed out after %v, and should have ended at once\n"+
			"likely cause: the command line is not checked\nit printed %s",
			args, limit, short(out.String()))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), warnings.String(), cmd.ProcessState.ExitCode()
}

func TestServerFlags(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, test := range []struct{ name, value, says string }{
		{"-addr", "nonsense", "host:port"},
		{"-addr", "127.0.0.1:99999", "99999"},
		{"-addr", "999.0.0.1:80", "999.0.0.1"},
		{"-addr", busy.Addr().String(), "address already in use"},
		{"-addr", "", "host:port"},
		{"-addr", ":", "host:port"},
		{"-addr", "localhost:", "host:port"},
		{"-dir", filepath.Join(t.TempDir(), "missing"), "no such file"},
		{"-dir", "main.go", "not a directory"},
		{"-delay", "100", "needs a unit, such as 100ms"},
		{"-delay", "-1s", "0 or more"},
		{"-nonsense", "", "see -h"},
		{"extra", "", "extra"},
	} {
		out, said, code := finished(t, test.name, test.value)
		if code != 1 || out != "" || !strings.Contains(said, test.says) ||
			!regexp.MustCompile(`^step0\d-\w+: .+\n$`).MatchString(said) {
			t.Errorf("%s %q: printed %q and, as an error, %q; status %d\n"+
				"expected: one line that says %q, and status 1", test.name,
				test.value, out, said, code, test.says)
		}
	}
}

func TestServerHelp(t *testing.T) {
	out, said, code := finished(t, "-h")
	if code != 0 || said != "" || !strings.Contains(out, "-dir") {
		t.Errorf("-h: printed %q and, as an error, %q; status %d\n"+
			"expected: the flags on standard output, and status 0", out, said,
			code)
	}
	if !strings.Contains(out, `(default "127.0.0.1:8080")`) {
		t.Errorf("-h says: %q\nexpected: without -addr, only this machine "+
			"reaches the server, and it needs no rights: 127.0.0.1:8080", out)
	}
}

func TestServerAddresses(t *testing.T) {
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
			if got := p.get(t, "/"); got.status != 200 {
				t.Errorf("with -addr %s, GET / gives: %v", test.addr, got)
			}
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
	c, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), patience())
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

// TestServerLogClosed closes the log, as "| head -1" does.
func TestServerLogClosed(t *testing.T) {
	p := start(t)
	p.out.Close()
	for range 3 {
		p.get(t, "/", "nobody reads what the server prints, and that ends it "+
			"(SIGPIPE)")
	}
}

func TestServerQuiet(t *testing.T) {
	p := start(t, "-quiet")
	p.get(t, "/")
	p.dial(t).Close()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the server to end after Ctrl-C", func() bool {
		select {
		case <-p.read:
			return true
		default:
			return false
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) > 0 {
		t.Errorf("with -quiet, the server printed %q", p.lines)
	}
}

// TestServerDelay: -delay makes a response wait, and the response says so.
func TestServerDelay(t *testing.T) {
	const delay = 300 * time.Millisecond
	p := start(t, "-delay", delay.String())
	began := time.Now()
	got := p.get(t, "/").header.Get("Server-Timing")
	took := time.Since(began)
	work, found := strings.CutPrefix(got, "work;dur=")
	n, err := strconv.ParseFloat(work, 64)
	if !found || err != nil || n < 300 || took < delay ||
		n > float64(took.Microseconds())/1000 {
		t.Errorf("with -delay %v, a response came after %v and said "+
			"Server-Timing: %q\nexpected: work;dur= and the milliseconds that "+
			"the delay took", delay, took, got)
	}
	p = start(t)
	if got := p.get(t, "/").header.Values("Server-Timing"); len(got) > 0 {
		t.Errorf("without -delay, there is Server-Timing: %q", got)
	}
}
