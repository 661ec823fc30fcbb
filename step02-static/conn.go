// This file serves one connection, one thing after the other: read a request,
// answer it, send the response, let it arrive. Whatever has to wait for the
// client waits.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// client is a connection as this file needs it. It is an interface, so that
// *net.TCPConn fits, too: there, the Go runtime does the waiting.
type client interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	CloseWrite() error
}

// maxChunk is how many bytes of a response are in memory at once.
const maxChunk = 32 << 10

// The time limits are variables so that tests can shorten them.
var (
	// silentTime is how long a client may say nothing at all. Browsers open
	// connections ahead, and leave some of them silent.
	silentTime = 5 * time.Second
	// headTime is how long a request head may take from its first byte on.
	headTime = 10 * time.Second
	// sendTime is how long a client may take no byte of a response. A slow one
	// can look like that: its kernel tells of room only in large pieces.
	sendTime = 30 * time.Second
	// drainTime is how long to wait for the client to close after a response.
	drainTime = 2 * time.Second
)

// maxWaits is how many waits sendTime consists of. While this program is
// stopped (Ctrl-Z), the clock runs on, and the wait under way is over. With ten
// of them, nine are left to the client.
const maxWaits = 10

// Why a connection ended that did not end well: the log says so.
var (
	errLeft   = errors.New("the client left without a word")
	errSilent = errors.New("the client said nothing")
	errStuck  = errors.New("the client takes no byte of the response")
)

// serve answers one request on connection number connNo, and sends no more
// after that: to wait for a next request of this client would keep all others
// out. The client may not have the response yet: drain follows.
func (s *server) serve(c client, connNo int) {
	req, p, err := readRequest(c)
	if err == nil {
		err = s.answer(c, connNo, &req, p)
	}
	if err == nil {
		err = c.CloseWrite()
	}
	if err != nil {
		s.logEnd(whoAmI(), connNo, err)
		// Nobody is left who could be told that closing failed.
		_ = c.Close()
	}
}

// readRequest reads until a request head is complete. A client that says
// nothing gets no response, only an error.
func readRequest(c client) (request, *problem, error) {
	buf := make([]byte, maxHead)
	deadline := time.Now().Add(silentTime)
	for n := 0; ; {
		m, err := readUntil(c, buf[n:], deadline)
		if !begun(buf[:n]) && begun(buf[:n+m]) {
			// One deadline for the whole head: a limit for each read would let
			// a client hold the connection with a byte now and then.
			deadline = time.Now().Add(headTime)
		}
		n += m
		req, size, p := nextRequest(buf[:n])
		late := errors.Is(err, os.ErrDeadlineExceeded)
		switch {
		case size > 0:
			return req, p, nil
		case err == nil:
			// The rest is still to come.
		case late && begun(buf[:n]):
			return req, &tooSlow, nil
		case late:
			return req, nil, errSilent
		case err == io.EOF && begun(buf[:n]):
			return req, &endedEarly, nil
		case err == io.EOF:
			return req, nil, errLeft
		default:
			return req, nil, err
		}
	}
}

// readUntil reads what comes before the deadline.
func readUntil(c client, p []byte, deadline time.Time) (int, error) {
	if err := c.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	n, err := c.Read(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	// Perhaps not the client was late, but this program: Ctrl-Z stops it, and
	// the clock runs on. What has come meanwhile is there, so look once more.
	err = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	if err != nil {
		return 0, err
	}
	return c.Read(p)
}

// answer prepares the response to a request and sends it.
func (s *server) answer(c client, connNo int, req *request,
	p *problem) error {
	res := s.prepare(req, p)
	defer res.body.Close()
	res.date = time.Now().UTC().Format(dateFormat)
	res.who, res.connNo, res.reqNo = whoAmI(), connNo, 1
	s.logRequest(req, &res)
	return send(c, &res)
}

// send writes a response to the client, one buffer at a time. An error leaves
// the response unfinished: closing is then the only way to tell the client.
func send(c client, res *response) error {
	// The head and a small file go out together, in one packet if they fit.
	const room = 512 // for the head
	buf := make([]byte, 0, min(room+res.left, maxChunk))
	chunk := appendHead(buf, res)
	for {
		err := sendChunk(c, res, chunk)
		if err != nil || res.left == 0 {
			return err
		}
		chunk = buf
	}
}

// sendChunk fills chunk up with the next bytes of the body, as far as it has
// capacity, and sends all of it.
func sendChunk(c client, res *response, chunk []byte) error {
	n := min(int64(cap(chunk)-len(chunk)), res.left)
	end := len(chunk) + int(n)
	_, err := io.ReadFull(res.body, chunk[len(chunk):end])
	if err != nil {
		// Most likely the file is shorter now than it was.
		return fmt.Errorf("cannot read the rest of the file: %w", err)
	}
	res.left -= n
	return sendAll(c, chunk[:end])
}

// sendAll sends b, however slowly the client takes it.
func sendAll(c client, b []byte) error {
	for waits := 0; len(b) > 0; {
		err := c.SetWriteDeadline(time.Now().Add(sendTime / maxWaits))
		if err != nil {
			return err
		}
		n, err := c.Write(b)
		b = b[n:]
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n > 0:
			waits = 0
		default:
			if waits++; waits == maxWaits {
				return errStuck
			}
		}
	}
	return nil
}

// drain closes a connection when its client has closed too, or does not in
// time. If we closed a socket with unread bytes in it, or more of them came
// later, the kernel would send a reset (RST), and throw away what it has not
// delivered yet of the response (RFC 9112, section 9.6). So read until the end.
func drain(c client) {
	// Whatever fails here, there is nothing left to do but close.
	_ = c.SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}
