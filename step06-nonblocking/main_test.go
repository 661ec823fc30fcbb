// These tests start the real server and talk to it over real sockets. They hold
// for every step from 2 on, whatever its model.

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	// TestDescriptorsUsedUp wants a server with few descriptors.
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

// program is a running step.
type program struct {
	cmd    *exec.Cmd
	addr   string // "host:port"
	stderr bytes.Buffer

	mu    sync.Mutex
	lines []string // of standard output, after the first
}

// command prepares a run of this step with these flags.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "RUN_SERVER=1")
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
	p := &program{cmd: cmd}
	cmd.Stderr = &p.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewScanner(stdout)
	out.Scan()
	first := out.Text()
	ended := make(chan bool)
	go p.collect(out, ended)
	t.Cleanup(func() { p.stop(t, ended) })

	found := startLine.FindStringSubmatch(first)
	if found == nil {
		p.stop(t, ended)
		if strings.Contains(p.stderr.String(), "system call of Linux") {
			t.Skip(p.stderr.String())
		}
		t.Fatalf("%v\nprinted %q first, not a line of the form %v\n%s",
			cmd.Args, first, startLine, p.stderr.String())
	}
	p.addr = found[1]
	return p
}

// startLine is what a step prints when it is ready.
var startLine = regexp.MustCompile(
	`^step0\d-\w+: serving http://(.+:\d+)/ \(pid \d+; Ctrl-C to stop\)$`)

// crash is how a Go program reports what should never happen.
var crash = regexp.MustCompile(
	`(?m)^(WARNING: DATA RACE|panic:|fatal error:).*`)

// stop ends the server, and looks whether all went well until then.
func (p *program) stop(t *testing.T, ended chan bool) {
	// The errors say that it has ended already, and how: that is no matter.
	_ = p.cmd.Process.Signal(os.Interrupt)
	<-ended
	_ = p.cmd.Wait()
	if first := crash.FindString(p.stderr.String()); first != "" {
		t.Errorf("the server printed %q:\n%s", first, p.stderr.String())
	}
}

// collect keeps the lines that the server prints.
func (p *program) collect(out *bufio.Scanner, ended chan bool) {
	for out.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, out.Text())
		p.mu.Unlock()
	}
	close(ended)
}

// line waits for the n-th line of the log, counted from 0.
func (p *program) line(t *testing.T, n int) string {
	t.Helper()
	var line string
	waitFor(t, "line "+strconv.Itoa(n)+" of the log", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if n < len(p.lines) {
			line = p.lines[n]
		}
		return n < len(p.lines)
	})
	return line
}

// waitFor polls until cond holds.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// peer is the other end of a connection to the server.
type peer struct {
	*net.TCPConn
	t    *testing.T
	sent strings.Builder
	in   *bufio.Reader
}

// dial connects to the server. The connection is closed when the test ends.
func (p *program) dial(t *testing.T) *peer {
	t.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatalf("cannot connect to the server: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{TCPConn: c.(*net.TCPConn), t: t, in: bufio.NewReader(c)}
}

// send sends some text.
func (c *peer) send(text string) {
	c.t.Helper()
	c.sent.WriteString(text)
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("could not send:\n%s\n%v", short(text), err)
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
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", r.status, http.StatusText(r.status))
	_ = r.header.Write(&b)
	return b.String() + "\n" + short(r.body)
}

// receive reads the response to a request with this method.
func (c *peer) receive(method string) reply {
	c.t.Helper()
	r, err := c.tryReceive(method)
	if err != nil {
		c.t.Fatalf("sent:\n%s\nno whole response came back: %v\n%v",
			short(c.sent.String()), err, r)
	}
	return r
}

// tryReceive is receive for those who expect that it fails. The parser is that
// of net/http: it would not forgive us the mistakes that ours would overlook.
func (c *peer) tryReceive(method string) (reply, error) {
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	header := res.Header
	if res.Close {
		header.Set("Connection", "close") // ReadResponse takes it out
	}
	return reply{res.StatusCode, header, string(body)}, err
}

// get asks for a target on a connection of its own.
func (p *program) get(t *testing.T, target string) reply {
	t.Helper()
	c := p.dial(t)
	defer c.Close()
	c.send("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n")
	return c.receive("GET")
}

// short shortens text for a message, and shows what is not visible.
func short(s string) string {
	if len(s) > 500 {
		s = s[:500] + "…"
	}
	return strings.ReplaceAll(s, "\r", "\\r")
}

func TestSite(t *testing.T) {
	t.Parallel()
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
		if got.status != 200 || got.body != string(want) ||
			got.header.Get("Content-Length") != strconv.Itoa(len(want)) {
			t.Errorf("GET /%s is not the %d bytes of html/%s:\n%v\n"+
				"likely cause: characters counted, not bytes; or the file was "+
				"read as text; or one write was taken for all",
				file.Name(), len(want), file.Name(), got)
		}
		p.checkHead(t, file.Name(), got)
	}
}

// checkHead checks that HEAD gives the same fields as GET, and no body.
func (p *program) checkHead(t *testing.T, name string, get reply) {
	t.Helper()
	c := p.dial(t)
	defer c.Close()
	c.send("HEAD /" + name + " HTTP/1.1\r\nHost: test\r\n" +
		"Connection: close\r\n\r\n")
	head := c.receive("HEAD")
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		t.Errorf("HEAD /%s has a body: %s, %v", name, short(string(rest)), err)
	}
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
	{"GET /?a=b HTTP/1.1\r\nHost: a\r\n\r\n", 200, "the query is no name"},
	{"GET http://a/lab.html HTTP/1.1\r\nHost: a\r\n\r\n", 200, "absolute form"},
	{"GET /%6cab.html HTTP/1.1\r\nHost: a\r\n\r\n", 200, "percent-decoding"},
	{"GET /../../lab.html HTTP/1.1\r\nHost: a\r\n\r\n", 200, "dots stop at /"},
	{"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404, "404, not 400"},
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

func TestRequests(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, test := range requests {
		c := p.dial(t)
		c.send(test.send)
		// If the server has closed already, its response will say why.
		_ = c.CloseWrite()
		method, _, _ := strings.Cut(strings.TrimLeft(test.send, "\r\n"), " ")
		got := c.receive(method)
		if got.status != test.status {
			t.Errorf("sent:\n%s\ncame back:\n%v\nexpected: %d\nthis tests: %s",
				short(test.send), got, test.status, test.about)
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

func TestFragments(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.dial(t)
	// One byte in each packet: SetNoDelay keeps the kernel from joining them.
	if err := c.SetNoDelay(true); err != nil {
		t.Fatal(err)
	}
	for _, b := range "GET /lab.html HTTP/1.1\r\nHost: test\r\n\r\n" {
		c.send(string(b))
	}
	if got := c.receive("GET"); got.status != 200 {
		t.Errorf("a request in single bytes got:\n%v\nlikely cause: one read "+
			"is taken for a whole request", got)
	}
}

func TestHeadOfExactly8KiB(t *testing.T) {
	t.Parallel()
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

// TestOneRequestAfterAnother sends two requests at once. The first has a body
// that looks like a request: no byte of it may ever be taken for one.
func TestOneRequestAfterAnother(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.dial(t)
	trap := "GET /trap HTTP/1.1\r\nHost: test\r\n\r\n"
	c.send("GET /style.css HTTP/1.1\r\nHost: test\r\nContent-Length: " +
		strconv.Itoa(len(trap)) + "\r\n\r\n" + trap +
		"GET /missing HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	first := c.receive("GET")
	if first.status != 200 {
		t.Fatalf("the first response is:\n%v", first)
	}
	if first.kept() {
		if second := c.receive("GET"); second.status != 404 || second.kept() {
			t.Errorf("the second response is:\n%v", second)
		}
	}
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		t.Errorf("after the last response came %q, %v, not the end", rest, err)
	}
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
		t.Fatalf("Server is %q, not of the form %v", r.header.Get("Server"),
			serverField)
	}
	var n [4]int
	for i, s := range m[2:] {
		n[i], _ = strconv.Atoi(s) // digits, or empty: then it is 0
	}
	return facts{m[1], n[0], n[1], n[2], n[3]}
}

func TestServerFieldAndLog(t *testing.T) {
	t.Parallel()
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

func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.txt")
	writeFile(t, outside, "secret")
	writeFile(t, filepath.Join(dir, "sub", "index.html"), "<p>one")
	writeFile(t, filepath.Join(dir, "sub", "ü.txt"), "hello")
	writeFile(t, filepath.Join(dir, "empty", "a.unknown"), "\x00\x01")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-dir", dir)
	for _, test := range []struct {
		target, field, want string
		status              int
	}{
		{"/sub", "Location", "/sub/", 301},
		{"/sub?a=b", "Location", "/sub/?a=b", 301},
		{"//sub", "Location", "/sub/", 301},
		{"/sub/", "Content-Type", "text/html; charset=utf-8", 200},
		{"/sub/%C3%BC.txt", "Content-Type", "text/plain; charset=utf-8", 200},
		{"/empty/a.unknown", "Content-Type", "application/octet-stream", 200},
		{"/empty/", "Location", "", 404},
		{"/", "Location", "", 404},
		{"/link", "Location", "", 404},
		{"/pipe", "Location", "", 404},
	} {
		got := p.get(t, test.target)
		if got.status != test.status ||
			got.header.Get(test.field) != test.want {
			t.Errorf("GET %s: expected %d and %s: %q, but got:\n%v",
				test.target, test.status, test.field, test.want, got)
		}
	}
}

func TestEditedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "-dir", dir)
	for _, page := range []string{"<p>one", "<p>two", "<p>three", ""} {
		writeFile(t, filepath.Join(dir, "index.html"), page)
		if got := p.get(t, "/"); got.status != 200 || got.body != page {
			t.Errorf("edited to %q, but GET / gives:\n%v\n"+
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
	for i := range content {
		content[i] = 1 + byte(rand.Uint32N(255))
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
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return c, res
}

func TestLargeFile(t *testing.T) {
	t.Parallel()
	dir, want := largeFile(t)
	p := start(t, "-dir", dir)
	_, res := askForLarge(t, p)
	got, err := io.ReadAll(res.Body)
	if err != nil || sha256.Sum256(got) != sha256.Sum256(want) {
		t.Errorf("of %d bytes came %d, %v; equal: %v\nlikely cause: a write "+
			"that took only a part of its bytes was taken for a whole one",
			len(want), len(got), err, bytes.Equal(got, want))
	}
}

func TestFileThatShrinks(t *testing.T) {
	t.Parallel()
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

func TestFileThatGrows(t *testing.T) {
	t.Parallel()
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
	got, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("of %d bytes came %d, %v", len(want), len(got), err)
	}
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		t.Errorf("after the promised length came %d more bytes, %v", len(rest),
			err)
	}
}

// TestResponseArrives sends far more than the server reads. If the server
// closed with unread bytes in its socket, a reset would destroy what is still
// on its way.
func TestResponseArrives(t *testing.T) {
	t.Parallel()
	dir, _ := largeFile(t)
	p := start(t, "-dir", dir)
	body := strings.Repeat("GET /trap HTTP/1.1\r\nHost: a\r\n\r\n", 30_000)
	for _, request := range []string{
		"GET /large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" +
			body,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n" + body,
		body[1:] + "\x00",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n" + body,
	} {
		c := p.dial(t)
		// A small receive buffer keeps the response on its way.
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		// The server may close while we send: only the response matters.
		go func() { _, _ = io.WriteString(c, request) }()
		if got, err := c.tryReceive("GET"); err != nil {
			t.Errorf("sent %d bytes:\n%s\nof the response came %d bytes: %v\n"+
				"likely cause: the socket was closed with unread bytes in it",
				len(request), short(request[:60]), len(got.body), err)
		}
		c.Close()
	}
}

func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
	dir, _ := largeFile(t)
	p := start(t, "-dir", dir)
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
	if got := p.get(t, "/large.bin"); got.status != 200 {
		t.Errorf("after clients that left early, the server gives:\n%v", got)
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

// The time limits are a tenth here: see http_test.go.
const shortLimits = "SHORT_LIMITS=10"

func TestSilentClient(t *testing.T) {
	t.Parallel()
	p := startWith(t, shortLimits)
	c := p.dial(t)
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		t.Errorf("a client that said nothing got %q, %v", rest, err)
	}
	if got := p.get(t, "/"); got.status != 200 {
		t.Errorf("the next client got:\n%v", got)
	}
}

// TestDrippingClient sends a byte now and then. A limit for each read would
// let it go on for ever: the limit is for the whole head.
func TestDrippingClient(t *testing.T) {
	t.Parallel()
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
		t.Errorf("a client that drips got %v, %v\nexpected: 408", got, err)
	}
	c.Close()
	<-ended
}

// TestStuckClient asks for a large file and takes no byte of it.
func TestStuckClient(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("only Linux tells whether the server has dropped a client")
	}
	dir, want := largeFile(t)
	p := startWith(t, shortLimits, "-dir", dir)
	_, res := askForLarge(t, p)
	waitFor(t, "the server to drop a client that takes no byte of its response",
		func() bool { return p.sockets(t) == 0 })
	if got, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("dropped, but %d of %d bytes came without an error", len(got),
			len(want))
	}
}

// TestDescriptorsUsedUp connects more clients than the server has descriptors
// for. Those who are in are served on, and the others get in later.
func TestDescriptorsUsedUp(t *testing.T) {
	t.Parallel()
	p := startWith(t, "MAX_FILES=24")
	var clients []*peer
	for range 40 {
		c := p.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n")
		clients = append(clients, c)
	}
	for i, c := range clients {
		c.send("\r\n")
		if got, err := c.tryReceive("GET"); err != nil || got.status != 200 {
			t.Fatalf("client %d of 40 got %v, %v\nlikely cause: accept failed "+
				"with EMFILE, and that ended or stopped the server", i+1, got,
				err)
		}
		c.Close()
	}
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
		{"-addr", "999.0.0.1:80"},
		{"-addr", busy.Addr().String()},
		{"-dir", filepath.Join(t.TempDir(), "missing")},
		{"-dir", "main.go"},
		{"-addr", ""},
		{"-addr", ":"},
		{"-addr", "localhost:"},
		{"-delay", "-1s"},
		{"extra"},
	} {
		cmd := command(t, args...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 ||
			!regexp.MustCompile(`^step0\d-\w+: .+\n$`).Match(out) {
			t.Errorf("%v: %v\n%s\nexpected: status 1 and one line", args, err,
				out)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":0", "localhost:0"} {
		p := start(t, "-addr", addr)
		if got := p.get(t, "/"); got.status != 200 {
			t.Errorf("with -addr %s, GET / gives:\n%v", addr, got)
		}
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	p := start(t, "-quiet")
	p.get(t, "/")
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the server to end after Ctrl-C", func() bool {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) > 0 {
		t.Errorf("with -quiet, the server printed %q", p.lines)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	const delay = 300 * time.Millisecond
	p := start(t, "-delay", delay.String())
	began := time.Now()
	p.get(t, "/")
	if took := time.Since(began); took < delay {
		t.Errorf("with -delay %v, a response came after %v", delay, took)
	}
}
