// This file is one kept-alive connection that never waits: bytes in, requests
// answered, bytes out. What cannot be done now is kept and done later.

package main

import (
	"container/list"
	"io"
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

// conn is one connection. While it waits for a request it owns no buffer, so
// that thousands of idle connections cost little.
type conn struct {
	fd       int
	id       int           // number of the connection, from 1
	requests int           // number of requests answered
	in       []byte        // received, but not a whole request head yet
	skip     int64         // bytes of a request body still to be dropped
	out      []byte        // bytes of a response still to be sent
	body     io.ReadCloser // then comes the rest of this file
	left     int64         // bytes of body still to be sent
	last     bool          // nothing is answered after this response
	waits    waitsFor
	moved    bool // what it waited for has come, or some of it
	deadline time.Time
	place    *list.Element // in the queue of those that wait for the same
}

// sending reports whether a part of a response could not be sent yet.
func (c *conn) sending() bool { return len(c.out) > 0 || c.left > 0 }

// conns holds all connections and what they share. One thread serves one at a
// time, so one buffer for each direction is enough.
type conns struct {
	*server
	who   string // process and thread
	byFD  map[int]*conn
	count int // connections made
	// Those that wait for the same thing have the same time limit. So each
	// queue is in the order in which the limits end: the first ends first.
	queues [len(timeLimits)]list.List
	inBuf  [2 * maxHead]byte
	outBuf [maxChunk]byte
}

func newConns(s *server) *conns {
	return &conns{server: s, who: whoAmI(), byFD: map[int]*conn{}}
}

// add makes a connection of an accepted socket.
func (s *conns) add(fd int) {
	s.count++
	c := &conn{fd: fd, id: s.count, waits: forHead}
	c.deadline = time.Now().Add(timeLimits[forHead])
	c.place = s.queues[forHead].PushBack(c)
	s.byFD[fd] = c
}

// remove closes a connection and forgets it.
func (s *conns) remove(c *conn) {
	s.queues[c.waits].Remove(c.place)
	delete(s.byFD, c.fd)
	if c.body != nil {
		c.body.Close()
	}
	// The descriptor is gone whatever Close returns.
	_ = syscall.Close(c.fd)
}

// serve does for a connection what can be done now. It reports whether the
// connection is still there.
func (s *conns) serve(c *conn) bool {
	var err error
	switch c.waits {
	case forRoom:
		if err = s.sendMore(c); err == nil {
			err = s.answer(c, c.in)
		}
	case forClose:
		_, err = read(c.fd, s.inBuf[:])
	default:
		err = s.receive(c)
	}
	switch err {
	case nil:
		s.wait(c)
		return true
	case syscall.EAGAIN:
		return true
	}
	// The client has left, or a file has shrunk under way. Either way, nothing
	// more can be said on this connection.
	s.remove(c)
	return false
}

// receive reads once and answers the requests that are complete.
func (s *conns) receive(c *conn) error {
	kept := copy(s.inBuf[:], c.in)
	n, err := read(c.fd, s.inBuf[kept:])
	if err == io.EOF && kept > 0 {
		return s.respond(c, &request{}, &endedEarly)
	}
	if err != nil {
		return err
	}
	return s.answer(c, s.inBuf[:kept+n])
}

// answer answers the requests in data, in their order, and keeps what is left.
// It stops at a response that the client does not take: its next requests wait,
// or a client that never reads could fill the memory with responses.
func (s *conns) answer(c *conn, data []byte) error {
	for len(data) > 0 && !c.sending() && !c.last {
		if n := min(c.skip, int64(len(data))); n > 0 {
			c.skip -= n
			data = data[n:]
			continue
		}
		n := headLength(data)
		if n == 0 && len(data) < maxHead {
			break
		}
		var req request
		p := tooLong(data)
		if 0 < n && n <= maxHead {
			req, p = parseRequest(string(data[:n]))
		}
		data = data[n:]
		if err := s.respond(c, &req, p); err != nil {
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

// respond answers one request.
func (s *conns) respond(c *conn, req *request, p *problem) error {
	c.requests++
	res := s.choose(req, p)
	res.who, res.conn, res.request = s.who, c.id, c.requests
	res.keep = req.keep
	if !s.quiet {
		println(logLine(req, &res))
	}
	c.moved = true
	c.last = !res.keep
	c.skip = req.length
	c.body, c.left = res.body, res.left
	return s.sendChunk(c, appendHead(s.outBuf[:0], &res))
}

// sendMore goes on with a response when the client has taken some of it.
func (s *conns) sendMore(c *conn) error {
	if len(c.out) > 0 {
		return s.send(c, c.out)
	}
	return s.sendChunk(c, s.outBuf[:0])
}

// sendChunk fills chunk up with the next bytes of the body and sends it. It is
// one chunk for each turn: other connections wait while this one is served.
func (s *conns) sendChunk(c *conn, chunk []byte) error {
	n := min(int64(cap(chunk)-len(chunk)), c.left)
	end := len(chunk) + int(n)
	if _, err := io.ReadFull(c.body, chunk[len(chunk):end]); err != nil {
		return err
	}
	if c.left -= n; c.left == 0 {
		c.body.Close()
		c.body = nil
	}
	return s.send(c, chunk[:end])
}

// send sends what the client takes now and keeps the rest.
func (s *conns) send(c *conn, chunk []byte) error {
	n, err := write(c.fd, chunk)
	if err != nil {
		return err
	}
	c.moved = c.moved || n > 0
	if n < len(chunk) {
		c.out = append(c.out[:0], chunk[n:]...)
		return nil
	}
	c.out = nil
	if c.last && !c.sending() {
		// Not closed yet: with unread bytes in the socket, the kernel would
		// send a reset (RST), which destroys what the client has not read.
		return syscall.Shutdown(c.fd, syscall.SHUT_WR)
	}
	return nil
}

// wait says what the connection waits for now, and until when.
func (s *conns) wait(c *conn) {
	w := forRequest
	switch {
	case c.sending():
		w = forRoom
	case c.last:
		w = forClose
	case len(c.in) > 0 || c.skip > 0 || c.requests == 0:
		w = forHead
	}
	if w == c.waits && !c.moved {
		return // the time limit counts on
	}
	c.moved = false
	c.deadline = time.Now().Add(timeLimits[w])
	if w == c.waits {
		s.queues[w].MoveToBack(c.place)
		return
	}
	s.queues[c.waits].Remove(c.place)
	c.waits, c.place = w, s.queues[w].PushBack(c)
}

// expire gives up the connections whose time limit ended before now.
func (s *conns) expire(now time.Time) {
	for w := range s.queues {
		for e := s.queues[w].Front(); e != nil; e = s.queues[w].Front() {
			c := e.Value.(*conn)
			if c.deadline.After(now) {
				break
			}
			s.giveUp(c)
		}
	}
}

// giveUp ends a connection. A client that has sent a part of a request learns
// why.
func (s *conns) giveUp(c *conn) {
	if c.waits == forHead && len(c.in) > 0 {
		err := s.respond(c, &request{}, &tooSlow)
		if err == nil && !c.sending() {
			c.in = nil
			s.wait(c)
			return
		}
	}
	s.remove(c)
}
