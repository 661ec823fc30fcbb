// This file tests conn.go with clients in memory, and a clock that jumps.

package main

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The tests of the whole server run this test binary once more, as the server.
// They set SHORT_LIMITS=10 for that process to make its time limits ten times
// shorter: nobody wants to wait 30 s for a test.
func init() {
	value := os.Getenv("SHORT_LIMITS")
	if value == "" {
		return
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		fatal("SHORT_LIMITS must be a number from 1 on, not %s", value)
	}
	for _, limit := range []*time.Duration{&silentTime, &headTime, &sendTime,
		&drainTime} {
		*limit /= time.Duration(n)
	}
}

func TestTimeLimits(t *testing.T) {
	want := [...]time.Duration{5 * time.Second, 10 * time.Second,
		30 * time.Second, 2 * time.Second}
	got := [...]time.Duration{silentTime, headTime, sendTime, drainTime}
	explain(t, "the limits", "a limit was changed and not set back", want, got)
}

// pipe is a connection in memory, without any buffer: what one end writes waits
// until the other end reads it.
type pipe struct{ net.Conn }

func (pipe) CloseWrite() error { return nil }

// SetReadDeadline does not mind that the other end has closed: a socket does
// not either.
func (p pipe) SetReadDeadline(t time.Time) error {
	if err := p.Conn.SetReadDeadline(t); err != io.ErrClosedPipe {
		return err
	}
	return nil
}

// outcome is what readRequest returns, and when.
type outcome struct {
	method, path string
	status       int // 0 is good
	err          error
	took         time.Duration
}

// In these rows, the client sends the pieces with a pause after each. Then it
// waits, or it hangs up.
var readings = []struct {
	why    string
	pieces []string
	pause  time.Duration
	hangUp bool
	want   outcome
}{
	{"all at once", []string{plain}, 0, false,
		outcome{"GET", "/a", 0, nil, 0}},
	{"each byte alone", strings.Split(plain, ""), 0, false,
		outcome{"GET", "/a", 0, nil, 0}},
	{"the client hangs up when it has asked", []string{plain}, 0, true,
		outcome{"GET", "/a", 0, nil, 0}},
	{"slow, but in time", []string{"GET /a HTTP/1.1\r\n", "Host: x\r\n",
		"\r\n"}, 2 * time.Second, false,
		outcome{"GET", "/a", 0, nil, 4 * time.Second}},
	{"the limit is for the head, not for each byte",
		strings.Split(plain, ""), time.Second, false,
		outcome{"", "", 408, nil, 10 * time.Second}},
	{"the client falls silent", []string{"GET /a"}, 0, false,
		outcome{"", "", 408, nil, 10 * time.Second}},
	{"who says nothing gets no answer", nil, 0, false,
		outcome{"", "", 0, errSilent, 5 * time.Second}},
	{"the client leaves at once", nil, 0, true,
		outcome{"", "", 0, errLeft, 0}},
	{"the client leaves too early", []string{"GET /a HTTP/1.1\r\n"}, 0, true,
		outcome{"", "", 400, nil, 0}},
	{"a second request is left unread", []string{plain + plain}, 0, false,
		outcome{"GET", "/a", 0, nil, 0}},
	{"a body may still come", []string{with("Content-Length: 5")}, 0, false,
		outcome{"GET", "/a", 0, nil, 0}},
	{"so may whatever follows a bad request", []string{with("A")}, 0, false,
		outcome{"GET", "", 400, nil, 0}},
	{"8 KiB are allowed", []string{padded(maxHead)}, 0, false,
		outcome{"GET", "/a", 0, nil, 0}},
	{"more are not", []string{padded(maxHead + 1)}, 0, false,
		outcome{"", "", 431, nil, 0}},
	{"more, with no end", []string{with(strings.Repeat("A: b\r\n", 9999))},
		0, false, outcome{"", "", 431, nil, 0}},
	{"the first line alone is too long",
		[]string{"GET /" + strings.Repeat("a", maxHead)}, 0, false,
		outcome{"", "", 414, nil, 0}},
	{"even with empty lines before it",
		[]string{"\r\n\r\nGET /" + strings.Repeat("a", maxHead)}, 0, false,
		outcome{"", "", 414, nil, 0}},
}

// Within synctest.Test, the clock does not run: it jumps as soon as every
// goroutine waits. So the test takes no time, and its times are exact.
func TestReadRequest(t *testing.T) {
	for _, row := range readings {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			var client sync.WaitGroup
			client.Go(func() {
				synctest.Wait() // until the server reads
				for _, piece := range row.pieces {
					if _, err := theirs.Write([]byte(piece)); err != nil {
						return // the server has read enough
					}
					time.Sleep(row.pause)
				}
				if row.hangUp {
					theirs.Close()
				}
			})
			begin := time.Now()
			req, p, err := readRequest(pipe{ours})
			got := outcome{req.method, req.path, statusOf(p), err,
				time.Since(begin).Truncate(10 * time.Millisecond)}
			explain(t, strings.Join(row.pieces, ""), row.why, row.want, got,
				cmp.AllowUnexported(outcome{}))
			ours.Close()
			client.Wait()
		})
	}
}

var sendings = []struct {
	why          string
	length, left int64
	file, want   string
}{
	{"a small file", 5, 5, "hello", "hello"},
	{"an empty file", 0, 0, "", ""},
	{"HEAD sends no body", 5, 0, "hello", ""},
	{"a file that needs the buffer many times", 5000, 5000,
		strings.Repeat("12345", 1000), strings.Repeat("12345", 1000)},
	{"a file that has grown is cut at what was promised", 7, 7,
		"1234567890", "1234567"},
	{"the same, larger", 4000, 4000, strings.Repeat("12345", 1000),
		strings.Repeat("12345", 800)},
}

func TestSend(t *testing.T) {
	for _, row := range sendings {
		res := sent(200, func(r *response) {
			r.length, r.left = row.length, row.left
			r.body = io.NopCloser(strings.NewReader(row.file))
		})
		want := string(appendHead(nil, &res)) + row.want
		got, err := sendTo(&res, io.ReadAll)
		explain(t, row.file, row.why, nil, err)
		explain(t, row.file, row.why, want, string(got))
	}
}

// sendTo sends a response with a small buffer, and returns what a client gets
// that reads with read.
func sendTo(res *response, read func(io.Reader) ([]byte, error)) (
	got []byte, err error) {
	ours, theirs := net.Pipe()
	done := make(chan []byte)
	go func() {
		// What was read counts. Whether it is right, the caller checks.
		b, _ := read(theirs)
		done <- b
	}()
	err = send(pipe{ours}, res)
	ours.Close()
	return <-done, err
}

// When a file has become shorter, the promised length cannot be kept. Bytes of
// our own in their place would be a lie that nobody notices.
func TestSendShrunkFile(t *testing.T) {
	for _, size := range []int{0, 1, 500, 4999} {
		file := strings.Repeat("12345", 1000)[:size]
		res := sent(200, func(r *response) {
			r.length, r.left = 5000, 5000
			r.body = io.NopCloser(strings.NewReader(file))
		})
		all := string(appendHead(nil, &res)) + file
		got, err := sendTo(&res, io.ReadAll)
		if err == nil {
			t.Errorf("a file of %d bytes, 5000 promised: no error, so the "+
				"client is not cut off", size)
		}
		if !strings.HasPrefix(all, string(got)) {
			t.Errorf("a file of %d bytes, 5000 promised: the client got %q, "+
				"which is not the beginning of the response", size, got)
		}
	}
}

// takers are clients that take n bytes each time, with a pause before, and
// that stop after so many times.
var takers = []struct {
	why   string
	n     int
	pause time.Duration
	times int
	err   error
}{
	{"as fast as it can", 100, 0, 1000, nil},
	{"slow, but some bytes every 29 s", 10, 29 * time.Second, 1000, nil},
	{"one that takes nothing", 10, 0, 0, errStuck},
	{"one that stops", 10, time.Second, 20, errStuck},
	{"one that stops in the body", 100, time.Second, 5,
		errStuck},
}

func TestSendSlowly(t *testing.T) {
	for _, row := range takers {
		synctest.Test(t, func(t *testing.T) {
			res := sent(200, func(r *response) {
				r.body = io.NopCloser(strings.NewReader(padded(1024)))
			})
			begin := time.Now()
			_, err := sendTo(&res, func(r io.Reader) ([]byte, error) {
				var err error
				for range row.times {
					time.Sleep(row.pause)
					if _, err = r.Read(make([]byte, row.n)); err != nil {
						break
					}
				}
				return nil, err
			})
			explain(t, row.why, "30 s without a byte are too much",
				row.err, err)
			// The last write may have had some time left when the client
			// stopped, so it can be twice the limit, but not more.
			last := row.pause * time.Duration(row.times)
			wait := time.Since(begin) - last
			if err != nil && (wait < sendTime || wait > 2*sendTime) {
				t.Errorf("%s: dropped after %v; want %v to %v", row.why,
					wait, sendTime, 2*sendTime)
			}
		})
	}
}

// stopped is a connection whose program is stopped during its first wait, for
// longer than any limit, and so finds a deadline over that the client has kept.
type stopped struct {
	pipe
	before bool
}

// wait is the time that the program is stopped.
func (s *stopped) wait() error {
	if s.before {
		return nil
	}
	s.before = true
	time.Sleep(time.Minute)
	return os.ErrDeadlineExceeded
}

func (s *stopped) Read(p []byte) (int, error) {
	if err := s.wait(); err != nil {
		return 0, err
	}
	return s.pipe.Read(p)
}

func (s *stopped) Write(p []byte) (int, error) {
	if err := s.wait(); err != nil {
		return 0, err
	}
	return s.pipe.Write(p)
}

func TestReadRequestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.WriteString(theirs, plain) }()
		req, p, err := readRequest(&stopped{pipe: pipe{ours}})
		ours.Close()
		got := outcome{method: req.method, path: req.path, status: statusOf(p),
			err: err}
		explain(t, plain, "it came while the program was stopped",
			outcome{method: "GET", path: "/a"}, got,
			cmp.AllowUnexported(outcome{}))
	})
}

func TestSendStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		res := sent(200, func(r *response) {
			r.body = io.NopCloser(strings.NewReader(padded(1024)))
		})
		err := send(&stopped{pipe: pipe{ours}}, &res)
		ours.Close()
		explain(t, "a client that takes all", "the program was stopped for a "+
			"minute", nil, err)
	})
}

// From here on: the whole server, when it or its client is late.

// TestLateBytes sends more when the response has come. If the server had
// closed by then, its kernel would answer with a reset; and if a part of the
// response had been lost on its way, it would never come again.
func TestLateBytes(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	c.receive("GET")
	c.end()
	for range 3 {
		if _, err := io.WriteString(c, "\r\n"); err != nil {
			t.Fatalf("after its response, the client sent an empty line, and "+
				"that came back: %v\nlikely cause: the server closes at once, "+
				"instead of reading until the client has closed", err)
		}
	}
}

// TestUpload sends far more than the server wants, and only then reads.
func TestUpload(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 8000000\r\n" +
		"\r\n" + strings.Repeat("x", 8_000_000))
	c.receive("POST", "nobody reads what the client sends, so it waits")
}

// TestStoppedServer stops the server for longer than its time limits, as Ctrl-Z
// and fg do. Whoever was in time, or took bytes meanwhile, is served on.
func TestStoppedServer(t *testing.T) {
	const late = "after a stop, the clock says that the client is late, and " +
		"the server does not look once more before it believes that"
	dir, want := largeFile(t)
	p := inOwnGroup(t, "SHORT_LIMITS=10", dir)
	c := p.dial(t)
	waitFor(t, "the server to accept a client",
		func() bool { return p.sockets(t) == 1 })
	resume := p.pause(t)
	c.send("GET /missing HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	time.Sleep(2 * silentTenth)
	resume()
	if got := c.receive("GET", late); got.status != 404 {
		t.Errorf("asked while the server was stopped, expected 404, got: %v",
			got)
	}

	// Here the limit for a client that takes no byte is 1 s. This one takes
	// none for 0.3 s, so the server waits for it, and all bytes after that.
	p = inOwnGroup(t, "SHORT_LIMITS=30", dir)
	c, res := askForLarge(t, p)
	time.Sleep(300 * time.Millisecond)
	resume = p.pause(t)
	time.AfterFunc(1300*time.Millisecond, resume)
	takeLarge(t, c, res.Body, want, late)
}

// inOwnGroup starts the server in a process group of its own: signals reach its
// children as well, but not the tests.
func inOwnGroup(t *testing.T, env, dir string) *program {
	t.Helper()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("only Linux tells when the server has accepted a client")
	}
	cmd := command(t, "-addr", "127.0.0.1:0", "-dir", dir)
	cmd.Env = append(cmd.Env, env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return run(t, cmd)
}

// pause stops the server, its children too, until resume is called.
func (p *program) pause(t *testing.T) (resume func()) {
	t.Helper()
	group := -p.cmd.Process.Pid
	if err := syscall.Kill(group, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// If there is no such process any more, the client will find out.
	resume = func() { _ = syscall.Kill(group, syscall.SIGCONT) }
	t.Cleanup(resume)
	return resume
}
