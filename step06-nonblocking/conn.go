// This file is one kept-alive connection that never waits: bytes in, requests
// answered, bytes out. What cannot be done now is kept and done later.

package main

import (
	"bytes"
	"container/list"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"time"
)

// waitsFor is what a connection waits for: one thing at a time.
type waitsFor int

const (
	forRequest waitsFor = iota // the first byte of the next request
	forHead                    // the rest of a request
	forRoom                    // the client to take more of a response
	forClose                   // the client to close, after the last response
)

// timeLimits are how long a connection may wait for each of them. They are
// variables so that tests can shorten them.
var timeLimits = [...]time.Duration{
	forRequest: 60 * time.Second,
	forHead:    5 * time.Second,
	forRoom:    30 * time.Second,
	forClose:   2 * time.Second,
}

// conn is one connection. While it waits for a request it owns no buffer:
// thousands of idle connections cost little.
type conn struct {
	fd       int
	id       int           // number of the connection, from 1
	requests int           // number of requests answered
	in       []byte        // received, but not answered yet
	skip     int64         // bytes of a request body still to be dropped
	out      []byte        // bytes of a response still to be sent
	body     io.ReadCloser // where the bytes after them come from
	left     int64         // bytes of body still to be sent
	last     bool          // no request is answered any more
	waits    waitsFor
	deadline time.Time     // when it has waited too long
	place    *list.Element // in the queue of those that wait for the same
	progress bool          // it came, or a part of it: a new deadline is due
}

// sending reports whether a part of a response could not be sent yet.
func (c *conn) sending() bool { return len(c.out) > 0 || c.left > 0 }

// conns are all connections, and what they share. One thread serves them one
// after the other, so one buffer for each direction is enough.
type conns struct {
	*server
	byFD    map[int]*conn
	count   int       // of connections, since the start
	most    int       // how many there may be at once
	who     string    // process and thread, from whoAmI
	date    string    // Date of all responses in this second
	second  int64     // since 1970
	yielded time.Time // when the Go runtime last had its turn
	now     time.Time // asking the clock for each request would cost more
	// Those that wait for the same thing have the same time limit, so each
	// queue is in the order of the deadlines: only its front can be due.
	queues [len(timeLimits)]list.List
	inBuf  [2 * maxHead]byte
	outBuf [maxChunk]byte
}

func newConns(s *server) *conns {
	s.site = &cache{site: s.site} // to read from a disk could make us wait
	return &conns{server: s, who: whoAmI(), most: maxConns(),
		byFD: map[int]*conn{}}
}

// maxConns returns how many connections there may be at once: each takes a
// descriptor, and a quarter of them remains for the files that are sent.
func maxConns() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fatal("cannot tell how many descriptors there may be: %v", err)
	}
	return max(1, int(min(limit.Cur, 1<<30))*3/4)
}

// startTurn begins a turn of the loop at time now.
func (all *conns) startTurn(now time.Time) {
	all.now = now
	// To format the date takes as long as to parse a request: do it once a
	// second.
	if all.second != now.Unix() {
		all.second = now.Unix()
		all.date = now.UTC().Format(dateFormat)
	}
}

// endTurn ends a turn that began at time now: it gives up the connections whose
// deadline has come, and returns the next deadline, or zero if there is none.
// serve is what the loop calls to serve a connection.
func (all *conns) endTurn(now time.Time, serve func(*conn) bool) time.Time {
	// The monitor thread of the Go runtime looks every 20 µs at a goroutine
	// that does not yield. Measured under load, that took a tenth of the time.
	if now.Sub(all.yielded) > 5*time.Millisecond {
		all.yielded = now
		runtime.Gosched()
	}
	return all.expire(now, serve)
}

// accept accepts a connection, unless there are enough.
func (all *conns) accept(listener int) (fd int, err error) {
	if len(all.byFD) >= all.most {
		return -1, syscall.EMFILE
	}
	return accept(listener)
}

// add makes a connection of an accepted socket.
func (all *conns) add(fd int) {
	all.count++
	c := &conn{fd: fd, id: all.count, waits: forHead}
	c.deadline = all.now.Add(timeLimits[forHead])
	c.place = all.queues[forHead].PushBack(c)
	all.byFD[fd] = c
}

// remove closes a connection and forgets it.
func (all *conns) remove(c *conn) {
	all.queues[c.waits].Remove(c.place)
	delete(all.byFD, c.fd)
	if c.body != nil {
		c.body.Close()
	}
	// Whatever Close returns, the descriptor is free again.
	_ = syscall.Close(c.fd)
}

// serve does for a connection what can be done now. It reports whether the
// connection is still there.
func (all *conns) serve(c *conn) bool {
	var err error
	switch c.waits {
	case forRoom:
		err = all.sendMore(c)
	case forClose:
		_, err = read(c.fd, all.inBuf[:])
	default:
		err = all.receive(c)
	}
	if err == syscall.EAGAIN {
		return true // nothing can be done now
	}
	if err != nil {
		// The client has left, or the file became shorter under way. On this
		// connection, nothing can be said any more.
		all.remove(c)
		return false
	}
	all.wait(c)
	return true
}

// receive reads once, and answers the requests that are complete.
func (all *conns) receive(c *conn) error {
	kept := copy(all.inBuf[:], c.in)
	n, err := read(c.fd, all.inBuf[kept:])
	if err == io.EOF && kept > 0 {
		return all.respond(c, &request{}, &endedEarly)
	}
	if err != nil {
		return err
	}
	return all.answer(c, all.inBuf[:kept+n])
}

// answer answers the requests in data in their order, and keeps what is left.
// While the client does not take a response, its next requests wait: otherwise
// a client that sends and never reads could fill the memory.
func (all *conns) answer(c *conn, data []byte) error {
	for len(data) > 0 && !c.sending() && !c.last {
		if n := min(c.skip, int64(len(data))); n > 0 {
			c.skip -= n
			data = data[n:]
			// After the body, the next head has a time limit of its own.
			c.progress = c.progress || c.skip == 0
			continue
		}
		start := data[:min(len(data), maxHead)]
		n := headLength(start)
		if n == 0 && len(start) < maxHead {
			break // the rest is still to come
		}
		var req request
		var p *problem
		if n == 0 {
			p = tooLong(start)
		} else {
			req, p = parseRequest(string(data[:n]))
		}
		data = data[n:]
		if err := all.respond(c, &req, p); err != nil {
			return err
		}
	}
	if len(data) == 0 || c.last {
		c.in = nil
	} else {
		c.in = append(c.in[:0], data...)
	}
	return nil
}

// respond chooses the response to a request and sends the beginning of it.
func (all *conns) respond(c *conn, req *request, p *problem) error {
	res := all.choose(req, p)
	if all.delay > 0 {
		all.startTurn(time.Now()) // the clock went on while we slept
	}
	c.requests++
	res.date, res.who, res.conn = all.date, all.who, c.id
	res.request, res.keep = c.requests, req.keep
	if !all.quiet {
		fmt.Println(logLine(req, &res))
	}
	c.progress = true
	c.body, c.left, c.skip, c.last = res.body, res.left, req.length, !res.keep
	return all.sendChunk(c, appendHead(all.outBuf[:0], &res))
}

// sendMore goes on with a response, and after it with the next requests.
func (all *conns) sendMore(c *conn) error {
	var err error
	if len(c.out) > 0 {
		err = all.send(c, c.out)
	} else {
		err = all.sendChunk(c, all.outBuf[:0])
	}
	if err != nil {
		return err
	}
	return all.answer(c, c.in)
}

// sendChunk fills chunk up with the next bytes of the body and sends it. Each
// turn sends one: a large file must not make the other connections wait.
func (all *conns) sendChunk(c *conn, chunk []byte) error {
	n := min(int64(cap(chunk)-len(chunk)), c.left)
	end := len(chunk) + int(n)
	if _, err := io.ReadFull(c.body, chunk[len(chunk):end]); err != nil {
		return err
	}
	if c.left -= n; c.left == 0 {
		c.body.Close()
		c.body = nil
	}
	return all.send(c, chunk[:end])
}

// send sends what the client takes of chunk, and keeps the rest.
func (all *conns) send(c *conn, chunk []byte) error {
	n, err := write(c.fd, chunk)
	if err != nil {
		return err
	}
	c.progress = c.progress || n > 0
	c.out = append(c.out[:0], chunk[n:]...)
	if len(c.out) == 0 {
		c.out = nil
	}
	if c.last && !c.sending() {
		// Do not close yet. If we closed a socket with unread bytes in it, the
		// kernel would send a reset (RST), and a reset destroys what the client
		// has not read yet (RFC 9112, section 9.6).
		return syscall.Shutdown(c.fd, syscall.SHUT_WR)
	}
	return nil
}

// wait says what the connection waits for now, and until when.
func (all *conns) wait(c *conn) {
	w := forRequest
	switch {
	case c.sending():
		w = forRoom
	case c.last:
		w = forClose
	case len(c.in) > 0 || c.skip > 0 || c.requests == 0:
		w = forHead
	}
	if w == c.waits && !c.progress {
		return // a few more bytes of the same head do not move the deadline
	}
	c.progress = false
	c.deadline = all.now.Add(timeLimits[w])
	if w == c.waits {
		all.queues[w].MoveToBack(c.place)
		return
	}
	all.queues[c.waits].Remove(c.place)
	c.waits, c.place = w, all.queues[w].PushBack(c)
}

// expire gives up the connections whose deadline has come at time now. It
// returns the next deadline.
func (all *conns) expire(now time.Time, serve func(*conn) bool) time.Time {
	for w := range all.queues {
		queue := &all.queues[w]
		for e := queue.Front(); e != nil; e = queue.Front() {
			c := e.Value.(*conn)
			if c.deadline.After(now) {
				break
			}
			// Perhaps a request came in time, and only the loop was late.
			if c.waits == forRoom || serve(c) && !c.deadline.After(now) {
				all.giveUp(c)
			}
		}
	}
	// Only now: whoever was served has moved to another queue.
	var next time.Time
	for w := range all.queues {
		if e := all.queues[w].Front(); e != nil {
			due := e.Value.(*conn).deadline
			if next.IsZero() || due.Before(next) {
				next = due
			}
		}
	}
	return next
}

// giveUp ends a connection. A client that has begun a request is told why.
func (all *conns) giveUp(c *conn) {
	begun := len(bytes.TrimLeft(c.in, "\r\n")) > 0
	if c.waits == forHead && begun {
		c.in = nil
		err := all.respond(c, &request{}, &tooSlow)
		if err == nil && !c.sending() {
			all.wait(c)
			return
		}
	}
	all.remove(c)
}
