// This file tests conn.go without a loop around it. Each test holds both ends
// of a connection and says itself when the server may do something, so nothing
// depends on who is faster.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
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
	for s := range timeLimits {
		timeLimits[s] /= time.Duration(n)
	}
}

func TestTimeLimits(t *testing.T) {
	want := [closed]time.Duration{5 * time.Second, 60 * time.Second,
		10 * time.Second, 3 * time.Second, 2 * time.Second}
	explain(t, "the limits", "a limit was changed and not set back", want,
		timeLimits)
	explain(t, "writing", "30 s without a byte", 30*time.Second,
		maxWaits*timeLimits[writing])
}

// wire is a connection with both its ends.
type wire struct {
	t      *testing.T
	all    *conns
	c      *conn
	files  *countedSite
	client int           // descriptor of the client's end
	got    bytes.Buffer  // what the client has received
	begin  time.Time     // when the server accepted
	ended  time.Duration // after which the server sent no more; 0: it may
	gone   time.Duration // after which it closed; 0: it has not
}

// newWire connects a client to a new server with a few files.
func newWire(t *testing.T) *wire {
	t.Helper()
	files := &countedSite{FS: fstest.MapFS{
		"a": {Data: []byte("text a")}, "b": {Data: []byte("text b")},
		"large":  {Data: bytes.Repeat([]byte("large"), 1<<18)},
		"shrunk": {Data: bytes.Repeat([]byte("small"), 1<<14)},
	}}
	all := newConns(&server{site: files, quiet: true})
	return connect(t, all, files)
}

// connect connects a client to a server.
func connect(t *testing.T, all *conns, files *countedSite) *wire {
	t.Helper()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatalf("cannot make a connection: %v", err)
	}
	for _, fd := range ends {
		if err := syscall.SetNonblock(fd, true); err != nil {
			t.Fatalf("cannot make a connection that never waits: %v", err)
		}
	}
	w := &wire{t: t, all: all, files: files, client: ends[0],
		begin: time.Now()}
	all.tick(time.Now())
	w.c = all.add(ends[1])
	t.Cleanup(w.end)
	return w
}

// end closes both ends. No file may be open after that.
func (w *wire) end() {
	syscall.Close(w.client)
	if w.gone == 0 {
		w.all.close(w.c, nil)
	}
	if w.files.open != 0 {
		w.t.Errorf("%d files are still open after the end of the connection",
			w.files.open)
	}
	queued := 0
	for i := range w.all.queues {
		queued += w.all.queues[i].Len()
	}
	if queued != len(w.all.byFD) || w.all.byFD[w.c.fd] == w.c {
		w.t.Error("the server still knows a connection that has ended")
	}
}

// turn lets the server do what it can do now, several times, and look at the
// clock.
func (w *wire) turn() {
	w.all.tick(time.Now())
	for range 5 {
		if w.c.state != closed {
			w.all.serve(w.c)
		}
	}
	for c := w.all.due(time.Now()); c != nil; c = w.all.due(time.Now()) {
		w.all.giveUp(c)
	}
	if w.gone == 0 && w.c.state == closed {
		w.gone = max(1, time.Since(w.begin))
	}
}

// send sends what the server takes of data.
func (w *wire) send(data string) {
	for len(data) > 0 {
		n, err := write(w.client, []byte(data))
		if err != nil || n == 0 {
			return // the server has closed, or reads no more
		}
		data = data[n:]
		w.turn()
	}
}

// receive takes what has come, at most limit bytes.
func (w *wire) receive(limit int) {
	for limit > 0 {
		b := make([]byte, min(limit, 1<<16))
		n, err := read(w.client, b)
		w.got.Write(b[:n])
		if err == nil {
			limit -= n
			continue
		}
		if err != syscall.EAGAIN && w.ended == 0 {
			w.ended = max(1, time.Since(w.begin))
		}
		return
	}
}

// responses tells what the client has got, such as "200 keep-alive text a". The
// methods say which of the requests were HEAD.
func (w *wire) responses(methods ...string) (list []string) {
	r := bufio.NewReader(bytes.NewReader(w.got.Bytes()))
	for i := 0; ; i++ {
		req := &http.Request{Method: "GET"}
		if i < len(methods) {
			req.Method = methods[i]
		}
		if _, err := r.Peek(1); err == io.EOF {
			return list
		}
		res, err := http.ReadResponse(r, req)
		if err != nil {
			return append(list, fmt.Sprintf("no response: %v", err))
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return append(list, fmt.Sprintf("no whole body: %v", err))
		}
		if res.StatusCode != 200 {
			body = nil // a page for people: its words may change
		}
		connection := res.Header.Get("Connection")
		if res.Close {
			connection = "close" // ReadResponse took it out of the fields
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%d %s %.10s",
			res.StatusCode, connection, body)))
	}
}

// countedSite counts its open files.
type countedSite struct {
	fs.FS
	open int
}

func (s *countedSite) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	s.open++
	return &countedFile{File: f, site: s, name: name}, nil
}

type countedFile struct {
	fs.File
	site *countedSite
	name string
}

func (f *countedFile) Close() error {
	f.site.open--
	return f.File.Close()
}

// Stat makes the file "shrunk" longer than it is, as if somebody cut it off
// after the server has looked.
func (f *countedFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	if f.name == "shrunk" {
		info = longer{info}
	}
	return info, err
}

type longer struct{ fs.FileInfo }

func (l longer) Size() int64 { return 2 * l.FileInfo.Size() }

// ask is a request for a file, with more field lines.
func ask(name string, fields ...string) string {
	head := "GET /" + name + " HTTP/1.1\r\nHost: x\r\n"
	for _, field := range fields {
		head += field + "\r\n"
	}
	return head + "\r\n"
}

// body is the field for a body with so many bytes.
func body(n int) string {
	return fmt.Sprintf("Content-Length: %d", n)
}

const (
	kept = "200 keep-alive "
	last = "200 close "
)

// In these rows, the client sends the pieces and takes all that comes. Then it
// waits, or it hangs up: that is, it sends no more.
var dialogues = []struct {
	why    string
	pieces []string
	hangUp bool
	want   []string
	closed bool
}{
	{"one request after the other", []string{ask("a"), ask("b")}, false,
		[]string{kept + "text a", kept + "text b"}, false},
	{"both at once are answered in their order",
		[]string{ask("a") + ask("b")}, false,
		[]string{kept + "text a", kept + "text b"}, false},
	{"each byte alone", strings.Split(ask("a")+ask("b"), ""), false,
		[]string{kept + "text a", kept + "text b"}, false},
	{"one and a half at once", []string{ask("a") + "GET /b", " HTTP/1.1\r\n",
		"Host: x\r\n\r\n" + ask("a")}, false,
		[]string{kept + "text a", kept + "text b", kept + "text a"}, false},
	{"empty lines between two requests", []string{ask("a") + "\r\n\n",
		"\r\n" + ask("b")}, false,
		[]string{kept + "text a", kept + "text b"}, false},
	{"what is missing is no reason to close", []string{ask("c") + ask("a")},
		false, []string{"404 keep-alive", kept + "text a"}, false},
	{"nor is a bad target", []string{ask("%zz") + ask("a")},
		false, []string{"400 keep-alive", kept + "text a"}, false},
	{"a response may need many turns", []string{ask("large"), ask("a")},
		false, []string{kept + "largelarge", kept + "text a"}, false},

	{"a body is not taken for a request",
		[]string{ask("a", body(len(ask("b")))) + ask("b") + ask("a")}, false,
		[]string{kept + "text a", kept + "text a"}, false},
	{"even if it comes late", []string{ask("a", body(len(ask("b")))), ask("b"),
		ask("a")}, false, []string{kept + "text a", kept + "text a"}, false},
	{"even in pieces", strings.Split(ask("a", body(5))+"\r\n\r\n."+ask("b"),
		""), false, []string{kept + "text a", kept + "text b"}, false},
	{"even if the method is not allowed", []string{strings.Replace(
		ask("a", body(len(ask("b")))), "GET", "POST", 1) + ask("b"),
		ask("a")}, false, []string{"405 keep-alive", kept + "text a"}, false},
	{"64 KiB are dropped", []string{ask("a", body(maxBody)),
		strings.Repeat("x", maxBody) + ask("b")}, false,
		[]string{kept + "text a", kept + "text b"}, false},
	{"not more", []string{ask("a", body(maxBody+1)), ask("b")}, false,
		[]string{"413 close"}, true},
	{"who knows where a chunked body ends?",
		[]string{ask("a", "Transfer-Encoding: chunked"), "0\r\n\r\n",
			ask("b")}, false, []string{"411 close"}, true},
	{"two ends: an attack", []string{ask("a", "Transfer-Encoding: chunked",
		body(5)) + "0\r\n\r\n" + ask("b")}, false,
		[]string{"400 close"}, true},
	{"will the body follow?", []string{ask("a", "Expect: 100-continue",
		body(len(ask("b")))), ask("b")}, false,
		[]string{last + "text a"}, true},

	{"nothing is answered after Connection: close",
		[]string{ask("a", "Connection: close") + ask("b"), ask("b")}, false,
		[]string{last + "text a"}, true},
	{"HTTP/1.0", []string{"GET /a HTTP/1.0\r\n\r\n" + ask("b")}, false,
		[]string{last + "text a"}, true},
	{"HTTP/1.0 that asks to keep", []string{"GET /a HTTP/1.0\r\n" +
		"Connection: keep-alive\r\n\r\n", ask("b")}, false,
		[]string{kept + "text a", kept + "text b"}, false},
	{"a bad request ends it", []string{ask("a", "A : b") + ask("b")}, false,
		[]string{"400 close"}, true},

	{"8 KiB are allowed, twice too",
		[]string{padded(maxHead) + padded(maxHead)}, false,
		[]string{kept + "text a", kept + "text a"}, false},
	{"more are not", []string{padded(maxHead + 1)}, false,
		[]string{"431 close"}, true},
	{"not in two pieces either", []string{padded(maxHead)[:maxHead-2],
		"A: b\r\n\r\n"}, false, []string{"431 close"}, true},
	{"not after another request", []string{ask("a") + padded(maxHead+1)},
		false, []string{kept + "text a", "431 close"}, true},
	{"the first line alone is too long",
		[]string{ask(strings.Repeat("a", maxHead))}, false,
		[]string{"414 close"}, true},
	{"the same in two pieces", []string{"GET /",
		strings.Repeat("a", maxHead), ask("a")}, false,
		[]string{"414 close"}, true},

	{"the client leaves at once", nil, true, nil, true},
	{"it has asked before", []string{ask("a") + ask("b")}, true,
		[]string{kept + "text a", kept + "text b"}, true},
	{"an empty line after a request is no request",
		[]string{ask("a") + "\r\n"}, true, []string{kept + "text a"}, true},
	{"nor is half of one", []string{ask("a"), "\r"}, true,
		[]string{kept + "text a"}, true},
	{"it leaves in the middle of a head", []string{ask("a") + "GET /b"}, true,
		[]string{kept + "text a", "400 close"}, true},
	{"it leaves in the middle of a body", []string{ask("a", body(5)) + "x"},
		true, []string{kept + "text a"}, true},
	{"the file is shorter than promised", []string{ask("shrunk")}, false,
		[]string{"no whole body: unexpected EOF"}, true},
}

func TestConn(t *testing.T) {
	for _, row := range dialogues {
		t.Run(row.why, func(t *testing.T) {
			w := newWire(t)
			for _, piece := range row.pieces {
				w.send(piece)
			}
			if row.hangUp {
				err := syscall.Shutdown(w.client, syscall.SHUT_WR)
				if err != nil {
					t.Fatal(err)
				}
			}
			for range 100 {
				w.turn()
				w.receive(1 << 20)
			}
			in := strings.Join(row.pieces, "")
			explain(t, in, row.why, row.want, w.responses())
			explain(t, in, "whether the server closes", row.closed,
				w.ended > 0)
		})
	}
}

// After the head of a response to HEAD comes the next response.
func TestConnHead(t *testing.T) {
	w := newWire(t)
	in := "HEAD /large HTTP/1.1\nHost: x\n\n" + ask("a")
	w.send(in)
	w.receive(1 << 20)
	explain(t, in, "HEAD sends no body", []string{"200 keep-alive",
		kept + "text a"}, w.responses("HEAD"))
}

// In these rows, the client sends a piece at a time, with a pause after each,
// and takes all that comes. Then it does nothing any more: it does not even
// close. The server sends no more from ended on, and closes at gone.
var waitings = []struct {
	why         string
	pieces      []string
	pause       int // in seconds
	want        []string
	ended, gone time.Duration
}{
	{"who says nothing gets no answer", nil, 1,
		nil, 5 * time.Second, 5 * time.Second},
	{"who says something gets one, and 2 s to read it",
		[]string{"GET /a HTTP/1.1\r\n"}, 1,
		[]string{"408 close"}, 10 * time.Second, 12 * time.Second},
	{"the limit is for the head, not for each byte",
		strings.Split(ask("a"), ""), 1,
		[]string{"408 close"}, 10 * time.Second, 12 * time.Second},
	{"each head has its own limit", []string{ask("a")[:9], ask("a")[9:],
		ask("b")[:9]}, 4, []string{kept + "text a", "408 close"},
		18 * time.Second, 20 * time.Second},
	{"from its first byte on", []string{ask("a"), ask("b")[:9]}, 30,
		[]string{kept + "text a", "408 close"}, 40 * time.Second,
		42 * time.Second},
	{"an empty line is no request", []string{"\r\n", "\r", "\n"}, 1,
		nil, 5 * time.Second, 5 * time.Second},
	{"nor is one after a request", []string{ask("a"), "\r\n"}, 1,
		[]string{kept + "text a"}, 60 * time.Second, 60 * time.Second},
	{"a kept connection without a request", []string{ask("a")}, 1,
		[]string{kept + "text a"}, 60 * time.Second, 60 * time.Second},
	{"each request begins the minute anew", []string{ask("a"), ask("b")}, 59,
		[]string{kept + "text a", kept + "text b"}, 119 * time.Second,
		119 * time.Second},
	{"a body that never comes", []string{ask("a", body(5))}, 1,
		[]string{kept + "text a"}, 10 * time.Second, 10 * time.Second},
	{"a body that drips", append([]string{ask("a", body(500))},
		strings.Split(ask("b"), "")...), 1,
		[]string{kept + "text a"}, 10 * time.Second, 10 * time.Second},
	{"a client that does not close", []string{ask("a", "Connection: close")},
		1, []string{last + "text a"}, 1, 2 * time.Second},
	{"to close at once could destroy what it has not read", []string{
		ask("a", "Connection: close") + ask("b")}, 1,
		[]string{last + "text a"}, 1, 2 * time.Second},
	{"nor stops sending", append([]string{ask("a", "Connection: close")},
		strings.Split(ask("b"), "")...), 1,
		[]string{last + "text a"}, 1, 2 * time.Second},
	{"a head after a slow body has 10 s of its own", []string{
		ask("a", body(2)) + "x", "xGET /b HTTP/1.1\r\n"}, 3,
		[]string{kept + "text a", "408 close"}, 13 * time.Second,
		15 * time.Second},
}

// Within synctest.Test, the clock does not run, but jumps whenever the test
// sleeps. So the test takes no time, and its times are exact.
func TestConnTimeLimits(t *testing.T) {
	for _, row := range waitings {
		synctest.Test(t, func(t *testing.T) {
			w := newWire(t)
			pieces := row.pieces
			for second := range 200 {
				if len(pieces) > 0 && second%row.pause == 0 {
					w.send(pieces[0])
					pieces = pieces[1:]
				}
				w.turn()
				w.receive(1 << 20)
				time.Sleep(time.Second)
			}
			in := strings.Join(row.pieces, "")
			explain(t, in, row.why, row.want, w.responses())
			explain(t, in, row.why+": when it sends no more", row.ended,
				w.ended)
			explain(t, in, row.why+": when it closes", row.gone, w.gone)
		})
	}
}

// The loop can be late, with -delay for example, or because the program was
// stopped. A request that came in time is answered all the same.
func TestConnLateLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		in := ask("a")
		if _, err := write(w.client, []byte(in)); err != nil {
			t.Fatalf("cannot send the request: %v", err)
		}
		time.Sleep(time.Minute)
		w.turn()
		w.receive(1 << 20)
		explain(t, in, "what came in time is looked at before the end",
			[]string{kept + "text a"}, w.responses())
	})
}

// Whoever was served last is due last. The server looks only at the front of
// each queue, so it must keep them in that order.
func TestConnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newWire(t)
		second := connect(t, first.all, first.files)
		for i := range 200 {
			switch i {
			case 0:
				first.send(ask("a"))
			case 1:
				second.send(ask("a"))
			case 30:
				first.send(ask("a"))
			}
			first.turn()
			second.turn()
			time.Sleep(time.Second)
		}
		explain(t, ask("a"), "60 s after its only request",
			61*time.Second, second.gone)
		explain(t, ask("a"), "60 s after its second request",
			90*time.Second, first.gone)
	})
}

// A client that asks for much and takes little must cost little memory, and is
// dropped when it has taken nothing for 30 s.
func TestConnSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		in := ask("large") + strings.Repeat(ask("a"), 1000)
		w.send(in)
		for range 3 {
			time.Sleep(29 * time.Second)
			for range 100 {
				w.turn()
			}
			explain(t, in, "a slow client is served on", time.Duration(0),
				w.gone)
			explain(t, in, "requests wait until the response is taken", 1,
				w.c.requests)
			if n := cap(w.c.in) + cap(w.c.out); n > 64<<10 {
				t.Errorf("the connection keeps %d bytes in memory, more "+
					"than 64 KiB", n)
			}
			w.receive(64 << 10)
			w.turn()
		}
		taken := time.Since(w.begin)
		for range 31 {
			time.Sleep(time.Second)
			w.turn()
		}
		explain(t, in, "dropped 30 s after it has last taken something",
			taken+30*time.Second, w.gone)
	})
}

// The client asks for more than fits into any buffer, and only then begins to
// take it: every response must come, in order.
func TestConnManyRequests(t *testing.T) {
	w := newWire(t)
	in := ask("large") + strings.Repeat(ask("a")+ask("b"), 500)
	want := []string{kept + "largelarge"}
	for range 500 {
		want = append(want, kept+"text a", kept+"text b")
	}
	for rest := in; ; w.receive(1 << 20) {
		n, err := write(w.client, []byte(rest))
		if err != nil {
			t.Fatalf("the server has closed: %v", err)
		}
		rest = rest[n:]
		before := w.got.Len()
		w.turn()
		w.receive(1 << 20)
		if rest == "" && w.got.Len() == before {
			break
		}
	}
	explain(t, in, "no request is lost", want, w.responses())
}

// The client is gone, with a part of the response unread.
func TestConnReset(t *testing.T) {
	for _, in := range []string{"", "GET", ask("a"), ask("large")} {
		w := newWire(t)
		w.send(in)
		syscall.Close(w.client)
		w.client = -1
		for range 100 {
			w.turn()
		}
		if w.gone == 0 {
			t.Errorf("%q: the client has closed, but the server keeps the "+
				"connection until its time is over", in)
		}
	}
}

// While the program is stopped (Ctrl-Z), the clock runs on. So the server
// counts how often it has waited in vain, and not how long.
func TestConnStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		in := ask("large")
		w.send(in)
		for range maxWaits - 1 {
			time.Sleep(time.Hour)
			w.turn()
		}
		explain(t, in, "every stop counts as one wait", time.Duration(0),
			w.gone)
		// Less than what epoll would tell of. But it shows that the client
		// takes something, so the count begins anew.
		w.receive(64 << 10)
		for range maxWaits {
			time.Sleep(time.Hour)
			w.turn()
		}
		explain(t, in, "what the client takes counts", time.Duration(0), w.gone)
		time.Sleep(time.Hour)
		w.turn()
		if w.gone == 0 {
			t.Errorf("after %d waits in a row without a byte, the server "+
				"still keeps the client", maxWaits)
		}
	})
}

// From here on: the whole server, when there are many clients or many requests,
// or when the server or its client is late.

// TestPairs sends two requests at a time. The responses are two packets,
// and the second must not wait until the client has acknowledged the first.
func TestPairs(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	fastest := time.Hour
	for i := range 40 {
		began := time.Now()
		c.send(strings.Repeat(
			"GET /icon.svg HTTP/1.1\r\nHost: test\r\n\r\n", 2))
		c.receive("GET")
		c.receive("GET")
		// At first, the kernel of the client acknowledges at once.
		if i >= 20 {
			fastest = min(fastest, time.Since(began))
		}
	}
	if fastest > 30*time.Millisecond {
		t.Errorf("of 20 pairs of requests, the fastest was answered after %v\n"+
			"likely cause: the kernel holds the second response back until "+
			"the client acknowledges the first (TCP_NODELAY)", fastest)
	}
}

// TestTurns lets one client send many requests at once. Answered in a
// row, they would take 5 s, and nobody else would be served until then.
func TestTurns(t *testing.T) {
	p := start(t, "-delay", "10ms")
	many, other := p.dial(t), p.dial(t)
	many.send(strings.Repeat("GET / HTTP/1.1\r\nHost: test\r\n\r\n", 500))
	many.receive("GET") // now the server is at work
	other.limit = 2500 * time.Millisecond
	for range 3 {
		other.send("GET /icon.svg HTTP/1.1\r\nHost: test\r\n\r\n")
		other.receive("GET", "the loop answers all requests of one connection "+
			"before it looks at the others")
	}
}

// TestEmptyLine sends an empty line after a request, as some old clients
// do. It is no request: no response follows, and the connection stays idle.
func TestEmptyLine(t *testing.T) {
	p := start(t)
	c := p.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n\r\n")
	if got := c.receive("GET"); got.status != 200 {
		t.Fatalf("sent: %s\ncame: %v", short(c.sent.String()), got)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		t.Errorf("sent: %s and then the end\nafter the response came: %s, %v\n"+
			"likely cause: the empty line counts as the beginning of a request",
			short(c.sent.String()), short(string(rest)), err)
	}
}

// In these tests, the server has 24 descriptors: 4 places for clients.
const fourPlaces = "MAX_FILES=24"

// TestFullOfIdle: who has been idle for longest makes room for others.
func TestFullOfIdle(t *testing.T) {
	p := startWith(t, fourPlaces)
	var clients []*peer
	for i := range 6 {
		c := p.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		c.receive("GET", "all places are taken by connections on which "+
			"nothing happens, and none of them makes room")
		clients = append(clients, c)
		if i == 3 {
			// Now the second is the one that has been idle for longest.
			clients[0].send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			clients[0].receive("GET")
		}
	}
	clients[1].end()
	clients[2].end()
	for _, i := range []int{0, 3, 4, 5} {
		clients[i].send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		clients[i].receive("GET", "a connection was closed that had not been "+
			"idle for longest")
	}
	const why = "ended: idle for longest, it makes room for another"
	for i, conn := range map[int]string{5: "conn 2 ", 7: "conn 3 "} {
		line := p.line(t, i)
		if !strings.HasPrefix(line, conn) || !strings.HasSuffix(line, why) {
			t.Errorf("line %d of the log is %q, not about %sand %q", i, line,
				conn, why)
		}
	}
	if said := p.stderr.String(); said != "" {
		t.Errorf("there was room for all, but the server says %s", short(said))
	}
}

// TestFullOfBusy: if nobody is idle, newcomers wait until one leaves.
func TestFullOfBusy(t *testing.T) {
	p := startWith(t, fourPlaces)
	busy := hold(t, p, 4)
	newcomers := hold(t, p, 2)
	waitFor(t, "a warning that clients have to wait",
		func() bool { return p.stderr.String() != "" })
	busy[0].Close()
	const cause = "a place is free, but nobody accepts those who wait"
	newcomers[0].finish(t, cause)
	newcomers[1].finish(t, cause)
	for _, c := range busy[1:] {
		c.finish(t, "a newcomer got the place of a client that was served")
	}
	said := p.stderr.String()
	if n := strings.Count(said, "\n"); n != 1 {
		t.Errorf("there were %d warnings, not one:\n%s", n, said)
	}
}

// TestFullOfShort: as soon as a place is free, the next client gets it.
func TestFullOfShort(t *testing.T) {
	p := startWith(t, fourPlaces)
	busy := hold(t, p, 4)
	began := time.Now()
	for range 80 {
		busy = append(busy, hold(t, p, 1)...) // waits
		busy[0].finish(t)
		busy = busy[1:]
	}
	// If the server paused when it is full, that would be 5 s.
	if took := time.Since(began); took > time.Second {
		t.Errorf("80 clients took turns in 4 places, and needed %v\n"+
			"likely cause: when a place gets free, the server does not accept "+
			"the next client at once", took)
	}
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
