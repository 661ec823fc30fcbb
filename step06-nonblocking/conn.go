// This file serves connections that are kept for many requests, and never waits
// for a client: each function does what can be done now, and keeps the rest for
// later. What a blocking program has on its stack, this one keeps in a conn.

package main

import (
	"container/list"
	"errors"
	"io"
	"syscall"
	"time"
)

// state is what a connection is doing: what has to happen next on it.
type state int

const (
	opened  state = iota // no byte of the first request is here
	idle                 // no byte of the next request is here
	reading              // a part of a request is here
	writing              // a response, or a part of one, is still to be sent
	closing              // the last response is sent: the client closes next
	closed
)

// maxChunk is how many bytes of a response are in memory at once.
const maxChunk = 32 << 10

// turnRequests is how many requests of one connection are answered in a row.
// Then the others have their turn.
const turnRequests = 4

// timeLimits are how long a connection may be in a state. They are variables so
// that tests can shorten them.
var timeLimits = [closed]time.Duration{
	opened:  5 * time.Second, // browsers open connections ahead
	idle:    60 * time.Second,
	reading: 10 * time.Second,
	writing: 30 * time.Second / maxWaits, // without sending a byte
	closing: 2 * time.Second,
}

// maxWaits is how often in a row a connection may be late in writing. Many
// short waits, and not a single long one: while this program is stopped
// (Ctrl-Z), no more than one of them passes.
const maxWaits = 10

// Why a connection ended that did not end well: the log says so.
var (
	errLeft   = errors.New("the client left without a word")
	errSilent = errors.New("the client said nothing")
	errIdle   = errors.New("no request for too long")
	errRoom   = errors.New("idle for longest, it makes room for another")
	errStuck  = errors.New("the client takes no byte of the response")
	errBody   = errors.New("the body of the request did not come")
	errShrunk = errors.New("the file became shorter under way")
)

// conn is one connection. While it is idle it owns no buffer: thousands of
// idle connections cost little.
type conn struct {
	fd       int
	connNo   int // number of the connection, from 1
	requests int // number of requests answered
	state    state
	deadline time.Time     // when it has been in its state for too long
	place    *list.Element // in the queue of its state
	waits    int           // how often in a row it was late in writing
	in       []byte        // received, but not answered yet
	skip     int64         // bytes of a request body still to be dropped
	out      []byte        // bytes of a response still to be sent
	body     io.ReadCloser // where the bytes after them come from
	left     int64         // bytes of body still to be sent
	last     bool          // no request is answered after this response
}

// conns are all connections, and what they share. One thread serves them one
// after the other, so one buffer for each direction is enough.
type conns struct {
	server *server
	byFD   map[int]*conn
	count  int       // of connections, since the start
	who    string    // process and thread, from whoAmI
	now    time.Time // asking the clock for each request would cost more
	date   string    // of all responses in this second
	second int64     // since 1970
	// Connections in the same state have the same time limit, so each queue is
	// in the order of the deadlines: only its front can be due.
	queues [closed]list.List
	in     [2 * maxHead]byte
	out    [maxChunk]byte
}

// newConns prepares for connections to a server.
func newConns(s *server) *conns {
	return &conns{server: s, who: whoAmI(), byFD: map[int]*conn{}}
}

// tick says what time it is.
func (cs *conns) tick(now time.Time) {
	cs.now = now
	if cs.second != now.Unix() {
		cs.second = now.Unix()
		cs.date = now.UTC().Format(dateFormat)
	}
}

// add makes a connection of an accepted socket.
func (cs *conns) add(fd int) *conn {
	cs.count++
	c := &conn{fd: fd, connNo: cs.count}
	cs.byFD[fd] = c
	cs.enter(c, opened)
	return c
}

// enter puts a connection into a state, for as long as the state may last. That
// makes it the last one of its queue that will be due.
func (cs *conns) enter(c *conn, s state) {
	c.deadline = cs.now.Add(timeLimits[s])
	if c.place != nil && s == c.state {
		cs.queues[s].MoveToBack(c.place)
		return
	}
	if c.place != nil {
		cs.queues[c.state].Remove(c.place)
	}
	c.state, c.place = s, cs.queues[s].PushBack(c)
}

// serve does for a connection what can be done now.
func (cs *conns) serve(c *conn) {
	var err error
	switch c.state {
	case opened, idle, reading:
		err = cs.readRequest(c)
	case writing:
		err = cs.send(c)
	case closing:
		err = cs.drain(c)
	}
	if err != nil && err != syscall.EAGAIN {
		cs.close(c, err)
	}
}

// readRequest reads once, and answers the requests that are complete.
func (cs *conns) readRequest(c *conn) error {
	n, err := read(c.fd, cs.in[:])
	switch {
	case err == io.EOF && c.state == opened:
		return errLeft
	case err == io.EOF && c.state == reading && c.skip == 0:
		return cs.answer(c, &request{}, &endedEarly)
	case err != nil:
		return err
	}
	c.in = append(c.in, cs.in[:n]...)
	return cs.answerAll(c)
}

// answerAll answers the requests that are complete, in their order. While the
// client does not take a response, its next requests wait: otherwise a client
// that sends and never reads could fill the memory.
func (cs *conns) answerAll(c *conn) error {
	for range turnRequests {
		cs.dropBody(c)
		req, n, p := nextRequest(c.in)
		if n == 0 {
			cs.awaitRest(c)
			return nil
		}
		c.in = c.in[n:]
		err := cs.answer(c, &req, p)
		if err != nil || c.state != idle {
			return err
		}
	}
	// Perhaps there are more. The kernel will not say so: they are here, not
	// there. But it says when there is room to write, and there is room now. So
	// this connection goes on in the next turn.
	cs.enter(c, writing)
	return nil
}

// dropBody drops what has come of a request body.
func (cs *conns) dropBody(c *conn) {
	if c.skip == 0 {
		return
	}
	n := min(c.skip, int64(len(c.in)))
	c.in = c.in[n:]
	if c.skip -= n; c.skip == 0 {
		cs.enter(c, idle) // the next head has a time limit of its own
	}
}

// awaitRest keeps the part of a request that has come.
func (cs *conns) awaitRest(c *conn) {
	// An empty line, or the first half of one, begins no request.
	c.in = c.in[emptyLines(c.in):]
	begun := c.skip > 0 || len(c.in) > 0 && c.in[0] != '\r'
	if begun && c.state != reading {
		cs.enter(c, reading)
	}
	if len(c.in) == 0 {
		c.in = nil
	}
}

// answer prepares the response to a request and sends the beginning of it.
func (cs *conns) answer(c *conn, req *request, p *problem) error {
	res := cs.server.prepare(req, p)
	if res.work > 0 {
		cs.tick(time.Now())
	}
	c.requests++
	res.date, res.who, res.keep = cs.date, cs.who, req.keep
	res.connNo, res.reqNo = c.connNo, c.requests
	cs.server.logRequest(req, &res)
	c.body, c.left, c.skip, c.last = res.body, res.left, req.length, !req.keep
	return cs.sendChunk(c, appendHead(cs.out[:0], &res))
}

// send goes on with a response, and after it with the next requests.
func (cs *conns) send(c *conn) error {
	var err error
	switch {
	case len(c.out) > 0:
		err = cs.sendChunk(c, c.out)
	case c.left > 0:
		err = cs.sendChunk(c, cs.out[:0])
	default:
		cs.enter(c, idle) // its turn had ended between two requests
	}
	if err != nil || c.state != idle {
		return err
	}
	return cs.answerAll(c)
}

// sendChunk fills chunk up with the next bytes of the body, sends what the
// client takes of it, and keeps the rest. Each turn sends one: a large file
// must not make the other connections wait.
func (cs *conns) sendChunk(c *conn, chunk []byte) error {
	n := min(int64(cap(chunk)-len(chunk)), c.left)
	end := len(chunk) + int(n)
	if n > 0 {
		_, err := io.ReadFull(c.body, chunk[len(chunk):end])
		if err != nil {
			return errShrunk
		}
	}
	c.left -= n
	sent, err := write(c.fd, chunk[:end])
	if err != nil {
		return err
	}
	c.out = append(c.out[:0], chunk[sent:end]...)
	switch {
	case len(c.out) == 0 && c.left == 0:
		return cs.finish(c)
	case sent > 0 || c.state != writing:
		c.waits = 0
		cs.enter(c, writing)
	}
	return nil
}

// finish ends a response that is sent.
func (cs *conns) finish(c *conn) error {
	c.out = nil
	if c.body != nil {
		// It was open for reading only: closing it can lose nothing.
		c.body.Close()
		c.body = nil
	}
	if !c.last {
		cs.enter(c, idle)
		return nil
	}
	// Do not close yet. If we closed a socket with unread bytes in it, the
	// kernel would send a reset (RST) at once, and throw away what it has not
	// delivered yet (RFC 9112, section 9.6). So say "no more from us", and wait
	// until the client has closed too.
	c.in = nil
	cs.enter(c, closing)
	return syscall.Shutdown(c.fd, syscall.SHUT_WR)
}

// drain drops what still comes, until the client has closed.
func (cs *conns) drain(c *conn) error {
	_, err := read(c.fd, cs.in[:])
	return err
}

// due returns a connection that has been in its state for too long, or nil.
func (cs *conns) due() *conn {
	for s := range closed {
		if c := cs.first(s); c != nil && !c.deadline.After(cs.now) {
			return c
		}
	}
	return nil
}

// first returns the connection that has been in a state for longest, or nil.
func (cs *conns) first(s state) *conn {
	if e := cs.queues[s].Front(); e != nil {
		return e.Value.(*conn)
	}
	return nil
}

// giveUp ends a connection that is due.
func (cs *conns) giveUp(c *conn) {
	switch {
	case c.state == opened:
		cs.close(c, errSilent)
	case c.state == idle:
		cs.close(c, errIdle)
	case c.state == reading && c.skip > 0:
		cs.close(c, errBody)
	case c.state == reading:
		// Tell the client why. If it does not even take that, let it be.
		c.in = nil
		err := cs.answer(c, &request{}, &tooSlow)
		if err != nil || c.state != closing {
			cs.close(c, errStuck)
		}
	case c.state == writing && c.waits < maxWaits-1:
		c.waits++
		cs.enter(c, writing)
	case c.state == writing:
		cs.close(c, errStuck)
	case c.state == closing:
		cs.close(c, io.EOF) // it had time enough to take the response
	}
}

// close closes a connection and forgets it. The log says why, unless the client
// has just closed after its last response.
func (cs *conns) close(c *conn, why error) {
	if why != io.EOF && c.state != closing {
		cs.server.logEnd(cs.who, c.connNo, why)
	}
	cs.queues[c.state].Remove(c.place)
	c.state = closed
	delete(cs.byFD, c.fd)
	if c.body != nil {
		c.body.Close()
	}
	// Whatever Close returns, the descriptor is free again.
	_ = syscall.Close(c.fd)
}
