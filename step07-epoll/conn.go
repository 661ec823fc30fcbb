// This file serves connections that are kept for many requests, and never waits
// for a client: each function does what can be done in one turn, and keeps the
// rest for later turns. What a program that waits has on its stack, this one
// keeps in a conn. A system call that would have to wait returns EAGAIN.

package main

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// state is what a connection is doing.
type state int

const (
	opened  state = iota // no byte of the first request is here
	idle                 // no byte of the next request is here
	reading              // a part of a request is here
	writing              // a response waits, or a part of one, to be sent
	closing              // the last response is sent: the client closes next
	closed               // the last one: it has no time limit and no queue
)

// maxChunk is how many bytes of a response are in memory at once.
const maxChunk = 32 << 10

// turnRequests is how many requests of one connection are answered in a row.
// Then the others have their turn.
const turnRequests = 4

// maxWaits is how many times in a row the time limit of writing may pass. While
// this program is stopped (Ctrl-Z), the clock runs on, and the wait under way
// is over. With ten of them, nine are left to the client.
const maxWaits = 10

// timeLimits are how long a connection may be in a state. It is a variable so
// that tests can shorten them.
var timeLimits = [closed]time.Duration{
	opened:  5 * time.Second, // browsers open connections ahead
	idle:    60 * time.Second,
	reading: 10 * time.Second,
	// Without a byte that is sent. A slow client can look like that: its kernel
	// tells of room only in large pieces.
	writing: 30 * time.Second / maxWaits,
	closing: 2 * time.Second,
}

// Why a connection ended that did not end well: the log says so.
var (
	errLeft   = errors.New("the client left without a word")
	errSilent = errors.New("the client said nothing")
	errIdle   = errors.New("no request for too long")
	errRoom   = errors.New("idle for longest, it makes room for another")
	errStuck  = errors.New("the client takes no byte of the response")
	errBody   = errors.New("the body of the request did not come in time")
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
	waits    int           // how many time limits of writing have passed
	in       []byte        // what has come and is not answered yet
	skip     int64         // bytes of a request body still to be dropped
	out      []byte        // bytes of a response still to be sent
	body     io.ReadCloser // where the bytes after them come from
	left     int64         // bytes of body still to be sent
	last     bool          // no request is answered after this response
}

// conns are all connections, and what they share.
type conns struct {
	server *server
	byFD   map[int]*conn
	count  int       // of connections, since the start
	who    string    // process and thread, from whoAmI
	now    time.Time // of this turn: to ask the clock each time costs more
	date   string    // Date of all responses in this second
	second int64     // since 1970
	// Connections in the same state have the same time limit, so each queue is
	// in the order of the deadlines: only its front can be due.
	queues [closed]list.List
	// One thread serves one connection after the other, so one buffer for each
	// direction is enough. Nothing stays in them: see conn.in and conn.out.
	readBuf  [2 * maxHead]byte
	chunkBuf [maxChunk]byte
}

func newConns(s *server) *conns {
	return &conns{server: s, who: whoAmI(), byFD: map[int]*conn{}}
}

// tick sets the time, and the Date that goes with it.
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
	c.place = cs.queues[opened].PushBack(c)
	cs.enter(c, opened)
	return c
}

// enter puts a connection into a state and begins its time limit. No other
// connection in this state is due later, so it goes to the end of the queue.
func (cs *conns) enter(c *conn, s state) {
	c.deadline = cs.now.Add(timeLimits[s])
	cs.queues[c.state].Remove(c.place)
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
	n, err := read(c.fd, cs.readBuf[:])
	switch {
	case err == io.EOF && c.state == opened:
		return errLeft
	case err == io.EOF && c.state == reading && c.skip == 0:
		return cs.answer(c, &request{}, &endedEarly)
	case err != nil:
		return err
	}
	c.in = append(c.in, cs.readBuf[:n]...)
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
			return err // it was the last, or the client takes no more now
		}
	}
	// Perhaps c.in has more requests. To wait for bytes to read could be in
	// vain, since these have left the kernel already. In writing, the next turn
	// calls send, and that comes back here.
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
		cs.enter(c, idle) // the time limit was for the body
	}
}

// awaitRest keeps the part of a request that has come.
func (cs *conns) awaitRest(c *conn) {
	c.in = c.in[emptyLines(c.in):]
	if len(c.in) == 0 {
		c.in = nil // so an idle connection holds no memory
	}
	// Only once: the time limit is for the whole head. A limit for each read
	// would let a client hold the connection with a byte now and then.
	if c.state != reading && (c.skip > 0 || begun(c.in)) {
		cs.enter(c, reading)
	}
}

// answer prepares the response to a request and sends the beginning of it. If
// the request has a body, that is dropped later.
func (cs *conns) answer(c *conn, req *request, p *problem) error {
	res := cs.server.prepare(req, p)
	if res.work > 0 {
		cs.tick(time.Now()) // the work has made the time old
	}
	c.requests++
	res.date, res.who, res.keep = cs.date, cs.who, req.keep
	res.connNo, res.reqNo = c.connNo, c.requests
	cs.server.logRequest(req, &res)
	c.body, c.left, c.skip, c.last = res.body, res.left, req.length, !req.keep
	return cs.sendChunk(c, appendHead(cs.chunkBuf[:0], &res))
}

// send goes on with a response, and after it with the next requests.
func (cs *conns) send(c *conn) error {
	var err error
	switch {
	case len(c.out) > 0:
		err = cs.sendChunk(c, c.out)
	case c.left > 0:
		err = cs.sendChunk(c, cs.chunkBuf[:0])
	default:
		cs.enter(c, idle) // answerAll has stopped after turnRequests
	}
	if err != nil || c.state != idle {
		return err
	}
	return cs.answerAll(c)
}

// sendChunk fills chunk up with the next bytes of the body, as far as it has
// capacity, sends what the client takes of it, and keeps the rest in c.out. A
// turn sends one chunk of a response: a large file must not make others wait.
func (cs *conns) sendChunk(c *conn, chunk []byte) error {
	n := min(int64(cap(chunk)-len(chunk)), c.left)
	end := len(chunk) + int(n)
	_, err := io.ReadFull(c.body, chunk[len(chunk):end])
	if err != nil {
		// Most likely the file is shorter now than it was.
		return fmt.Errorf("cannot read the rest of the file: %w", err)
	}
	c.left -= n
	sent, err := write(c.fd, chunk[:end])
	if err != nil {
		return err
	}
	c.out = append(c.out[:0], chunk[sent:end]...)
	if len(c.out) == 0 && c.left == 0 {
		return cs.finish(c)
	}
	// If the client took nothing, the time limit runs on.
	if sent > 0 || c.state != writing {
		c.waits = 0
		cs.enter(c, writing)
	}
	return nil
}

// finish ends a response that is sent.
func (cs *conns) finish(c *conn) error {
	c.body.Close() // it was open for reading only: closing can lose nothing
	c.out, c.body = nil, nil
	if !c.last {
		cs.enter(c, idle)
		return nil
	}
	// That was the last one, but do not close yet. If we closed a socket with
	// unread bytes in it, or more of them came later, the kernel would send a
	// reset (RST), and throw away what it has not delivered yet of the response
	// (RFC 9112, section 9.6). So say "no more from us", and read until the
	// client has closed too.
	c.in = nil
	cs.enter(c, closing)
	return syscall.Shutdown(c.fd, syscall.SHUT_WR)
}

// drain drops what still comes, until the client has closed.
func (cs *conns) drain(c *conn) error {
	_, err := read(c.fd, cs.readBuf[:])
	return err
}

// due returns a connection that had been in its state for too long at time now,
// or nil.
func (cs *conns) due(now time.Time) *conn {
	for s := range cs.queues {
		c := cs.first(state(s))
		if c != nil && !c.deadline.After(now) {
			return c
		}
	}
	return nil
}

// first returns the connection of a state that will be due first, or nil.
func (cs *conns) first(s state) *conn {
	if e := cs.queues[s].Front(); e != nil {
		return e.Value.(*conn)
	}
	return nil
}

// giveUp closes a connection that is due. But half a request gets a 408 before,
// and a slow client gets maxWaits chances.
func (cs *conns) giveUp(c *conn) {
	switch {
	case c.state == opened:
		cs.close(c, errSilent)
	case c.state == idle:
		cs.close(c, errIdle)
	case c.state == reading && c.skip > 0:
		cs.close(c, errBody)
	case c.state == reading:
		err := cs.answer(c, &request{}, &tooSlow)
		if err == nil && c.state != closing {
			err = errStuck // there is no room even for that
		}
		if err != nil {
			cs.close(c, err)
		}
	case c.state == writing && c.waits+1 < maxWaits:
		c.waits++
		cs.enter(c, writing)
	case c.state == writing:
		cs.close(c, errStuck)
	default: // closing: it had time enough to take the response
		cs.close(c, nil)
	}
}

// close closes a connection. The log says why, unless the client has closed
// between two requests or after the last one.
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
