// This file is HTTP/1.1 (RFC 9110, RFC 9112): it finds a request head, parses
// it, and writes the head of a response. It knows no files and no sockets.

package main

import (
	"bytes"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxHead is how many bytes a request head may have, its empty line
	// included. Without a limit, one endless head would fill the memory.
	maxHead = 8 << 10
	// maxBody is how many bytes of a request body are read and dropped.
	maxBody = 64 << 10
)

// request is what the server needs to know of a request.
type request struct {
	method, target, version string   // as sent
	path                    string   // of the target, decoded
	query                   string   // of the target, with its "?"
	length                  int64    // of the body in bytes, 0 if not said
	keep                    bool     // another request may follow it
	hosts, lengths          int      // number of these fields
	codings                 []string // Transfer-Encoding fields
	connection              string   // options of the Connection fields
	expect                  bool     // the client may hold its body back
}

// problem is why a request gets no file: a status code (RFC 9110, section 15)
// and a sentence for the person who reads the page.
type problem struct {
	status int
	reason string
}

// nextRequest finds the first request head in b and parses it. The head is the
// first n bytes of b. n is 0 while the rest of it is still to come.
func nextRequest(b []byte) (req request, n int, p *problem) {
	b = b[:min(len(b), maxHead)]
	start := emptyLines(b)
	if size := headLength(b[start:]); size > 0 {
		n = start + size
		req, p = parseHead(string(b[start:n]))
	} else if len(b) == maxHead {
		n, p = maxHead, tooLong(b[start:])
	}
	return req, n, p
}

// emptyLines returns how many bytes at the start of b are empty lines. Some
// clients send one after a request. It is no request, and no part of the next
// one (RFC 9112, section 2.2).
func emptyLines(b []byte) int {
	n := 0
	for {
		switch {
		case bytes.HasPrefix(b[n:], []byte("\r\n")):
			n += 2
		case bytes.HasPrefix(b[n:], []byte("\n")):
			n++
		default:
			return n
		}
	}
}

// begun reports whether a part of a request is in b. An empty line, or the
// first half of one, is none.
func begun(b []byte) bool {
	rest := string(b[emptyLines(b):])
	return rest != "" && rest != "\r"
}

// headLength returns how many bytes at the start of b are a request head, its
// empty line included, or 0 if the empty line is still to come.
func headLength(b []byte) int {
	n := 0
	for {
		end := bytes.IndexByte(b[n:], '\n') + 1
		if end == 0 {
			return 0
		}
		empty := end == 1 || end == 2 && b[n] == '\r'
		n += end
		if empty {
			return n
		}
	}
}

// parseHead parses a request head. With a problem, the request holds what was
// understood until then: the log wants it.
func parseHead(head string) (request, *problem) {
	var req request
	line, rest := cutLine(head)
	if p := req.parseRequestLine(line); p != nil {
		return req, p
	}
	for line, rest = cutLine(rest); line != ""; line, rest = cutLine(rest) {
		if p := req.parseField(line); p != nil {
			return req, p
		}
	}
	if p := req.checkFields(); p != nil {
		return req, p
	}
	// Only now is it certain where this request ends and the next one begins.
	req.keep = req.wantsKeepAlive()
	if p := req.checkMethod(); p != nil {
		return req, p
	}
	return req, req.parseTarget()
}

// cutLine cuts the first line off s. A lone LF ends a line as CRLF does, so
// that a request can be typed into nc.
func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// parseRequestLine parses a line such as "GET /index.html HTTP/1.1".
func (req *request) parseRequestLine(line string) *problem {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	if !isToken(method) || !isVisible(target) || !isVersion(version) {
		return &problem{400, "The first line must be a method, a target and " +
			"a version, with one space between them."}
	}
	req.method, req.target, req.version = method, target, version
	if !strings.HasPrefix(version, "HTTP/1.") {
		return &problem{505, "This server speaks HTTP/1.0 and HTTP/1.1."}
	}
	return nil
}

// parseField parses a field line, such as "Host: localhost:8080", and keeps
// what the server needs of it.
func (req *request) parseField(line string) *problem {
	name, value, found := strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	// A line that begins with a space, or a space before the colon, is read
	// in different ways by different servers. Attackers make use of that.
	if !found || !isToken(name) {
		return &problem{400, "A field line must be a name, a colon right " +
			"after it, and a value."}
	}
	if hasControl(value) {
		return &problem{400, "A field value has a control character."}
	}
	switch {
	case strings.EqualFold(name, "Host"):
		return req.checkHost(value)
	case strings.EqualFold(name, "Content-Length"):
		return req.setLength(value)
	case strings.EqualFold(name, "Transfer-Encoding"):
		req.codings = append(req.codings, value)
	case strings.EqualFold(name, "Connection"):
		req.connection += "," + value
	case strings.EqualFold(name, "Expect"):
		req.expect = true
	}
	return nil
}

// parseTarget splits the request target into path and query and decodes the
// path: "/a%20b?c" is the path "/a b" and the query "?c".
func (req *request) parseTarget() *problem {
	target, ok := originForm(req.target)
	encoded, _, _ := strings.Cut(target, "?")
	path, err := url.PathUnescape(encoded)
	// The kernel would end a file name at a NUL.
	if !ok || err != nil || strings.Contains(target, "#") ||
		strings.Contains(path, "\x00") {
		return &problem{400, "The target must be a path, such as /lab.html."}
	}
	req.path, req.query = path, target[len(encoded):]
	return nil
}

// response is what the server answers.
type response struct {
	status   int
	kind     string        // Content-Type
	length   int64         // Content-Length, in bytes
	location string        // where a redirect leads
	work     time.Duration // how long it took to prepare, 0: not told
	body     io.ReadCloser
	left     int64  // bytes of body that are still to be sent
	date     string // Date, in dateFormat
	who      string // process and thread that answer, from whoAmI
	connNo   int    // number of the connection, from 1
	reqNo    int    // number of the request on this connection, from 1
	keep     bool   // the connection stays open
}

// dateFormat is IMF-fixdate (RFC 9110, section 5.6.7), for times in UTC.
const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// appendHead appends the head of a response to b: the status line, the field
// lines and the empty line.
func appendHead(b []byte, res *response) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(res.status), 10)
	b = append(b, ' ')
	b = append(b, phrases[res.status]...)
	b = append(b, "\r\nDate: "...)
	b = append(b, res.date...)
	b = append(b, "\r\nServer: "+step+" ("...)
	b = append(b, res.who...)
	b = append(b, "; conn "...)
	b = strconv.AppendInt(b, int64(res.connNo), 10)
	b = append(b, "; request "...)
	b = strconv.AppendInt(b, int64(res.reqNo), 10)
	b = append(b, ")\r\nContent-Type: "...)
	b = append(b, res.kind...)
	// The client knows by this where the body ends. It counts bytes: counted
	// in characters, text that is not ASCII would be cut short.
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, res.length, 10)
	b = appendSpecial(b, res)
	if res.keep {
		return append(b, "\r\nConnection: keep-alive\r\n\r\n"...)
	}
	return append(b, "\r\nConnection: close\r\n\r\n"...)
}

// appendSpecial appends the fields that only some responses have.
func appendSpecial(b []byte, res *response) []byte {
	if res.status == 405 {
		b = append(b, "\r\nAllow: GET, HEAD"...)
	}
	if res.location != "" {
		b = append(b, "\r\nLocation: "...)
		b = append(b, res.location...)
	}
	if res.work > 0 {
		// In milliseconds. The developer tools of a browser show it.
		b = append(b, "\r\nServer-Timing: work;dur="...)
		b = strconv.AppendFloat(b, res.work.Seconds()*1000, 'f', 1, 64)
	}
	return b
}

// phrases are the reason phrases of the statuses that this server sends.
var phrases = map[int]string{
	200: "OK",
	301: "Moved Permanently",
	400: "Bad Request",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	408: "Request Timeout",
	411: "Length Required",
	413: "Content Too Large",
	414: "URI Too Long",
	431: "Request Header Fields Too Large",
	501: "Not Implemented",
	503: "Service Unavailable",
	505: "HTTP Version Not Supported",
}

// From here on: the checks that keep bad input and attackers out. Skip them on
// a first reading.

// The problems that do not come from what a request says.
var (
	endedEarly = problem{400, "The request ended before its empty line."}
	tooSlow    = problem{408, "The request took too long to arrive."}
)

// tooLong says what is too long in a head that has more than maxHead bytes.
func tooLong(head []byte) *problem {
	if bytes.IndexByte(head, '\n') < 0 {
		return &problem{414, "The request line is too long."}
	}
	return &problem{431, "The request head is too long."}
}

// checkHost checks a Host field. Other servers choose a site by it.
func (req *request) checkHost(value string) *problem {
	req.hosts++
	if !isAuthority(value) {
		return &problem{400, "The Host field must be a host and a port."}
	}
	return nil
}

// setLength reads a Content-Length field.
func (req *request) setLength(value string) *problem {
	if value == "" || !consistsOf(value, isDigit) {
		return &problem{400, "Content-Length must be a number."}
	}
	// It has only digits, so the one possible error is a number that does not
	// fit. n is then the largest that does: too large in any case.
	n, _ := strconv.ParseInt(value, 10, 64)
	if req.lengths++; req.lengths > 1 && n != req.length {
		return &problem{400, "There are two different Content-Lengths."}
	}
	req.length = n
	return nil
}

// checkFields checks what several fields say together. Client and server must
// agree where the body ends, or its bytes are taken for the next request
// (RFC 9112, section 6.3).
func (req *request) checkFields() *problem {
	switch {
	case req.hosts > 1, req.hosts == 0 && req.version != "HTTP/1.0":
		return &problem{400, "There must be exactly one Host field."}
	case len(req.codings) > 0 && req.lengths > 0:
		return &problem{400, "Content-Length and Transfer-Encoding exclude " +
			"each other."}
	case len(req.codings) == 1 && strings.EqualFold(req.codings[0], "chunked"):
		return &problem{411, "The request needs a Content-Length."}
	case len(req.codings) > 0:
		return &problem{501, "This server knows no transfer coding."}
	}
	return nil
}

// checkMethod lets GET and HEAD pass (RFC 9110, section 9).
func (req *request) checkMethod() *problem {
	switch req.method {
	case "GET", "HEAD":
		if req.length > maxBody {
			return &problem{413, "The body is larger than 64 KiB."}
		}
		return nil
	case "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		return &problem{405, "This server allows GET and HEAD."}
	}
	return &problem{501, "This server does not know this method."}
}

// wantsKeepAlive reports whether the connection can carry another request after
// this one (RFC 9112, section 9.3).
func (req *request) wantsKeepAlive() bool {
	keep := req.version != "HTTP/1.0"
	for option := range strings.SplitSeq(req.connection, ",") {
		switch strings.ToLower(strings.Trim(option, " \t")) {
		case "close":
			return false
		case "keep-alive":
			keep = true
		}
	}
	// A client that expects "100 Continue" may send its body or leave it out.
	uncertain := req.expect && req.length > 0
	return keep && !uncertain && req.length <= maxBody
}

// originForm turns the form that proxies are sent, "http://host/path", into
// "/path": every server must know both (RFC 9112, section 3.2.2).
func originForm(target string) (origin string, ok bool) {
	if strings.HasPrefix(target, "/") {
		return target, true
	}
	scheme, rest, _ := strings.Cut(target, "://")
	end := strings.IndexAny(rest+"/", "/?")
	host, path := rest[:end], rest[end:]
	if !strings.EqualFold(scheme, "http") || !isAuthority(host) ||
		host == "" || host[0] == ':' {
		return "", false
	}
	return "/" + strings.TrimPrefix(path, "/"), true
}

// isAuthority reports whether s looks like "localhost:8080" or "[::1]": a host,
// with or without a port (RFC 3986, section 3.2).
func isAuthority(s string) bool {
	host, port := s, ""
	// The last colon, unless it is one of those in an IPv6 address.
	if i := strings.LastIndexByte(s, ':'); i > strings.IndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	if !consistsOf(port, isDigit) {
		return false
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == ""
	}
	_, err := url.PathUnescape(host)
	return err == nil && consistsOf(host, isHostByte)
}

// isVersion reports whether s looks like "HTTP/1.1".
func isVersion(s string) bool {
	return len(s) == 8 && s[:5] == "HTTP/" &&
		isDigit(s[5]) && s[6] == '.' && isDigit(s[7])
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool { return s != "" && consistsOf(s, isTokenByte) }

// isVisible reports whether s is one or more visible ASCII characters.
func isVisible(s string) bool {
	return s != "" && consistsOf(s, func(c byte) bool {
		return c > ' ' && c < 0x7f
	})
}

// hasControl reports whether s has a control character other than a tab.
func hasControl(s string) bool {
	return !consistsOf(s, func(c byte) bool {
		return c >= ' ' && c != 0x7f || c == '\t'
	})
}

// consistsOf reports whether every byte of s is of a kind.
func consistsOf(s string, kind func(byte) bool) bool {
	for i := range len(s) {
		if !kind(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isTokenByte(c byte) bool {
	return isLetter(c) || isDigit(c) ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isHostByte(c byte) bool {
	return isLetter(c) || isDigit(c) ||
		strings.IndexByte("-._~%!$&'()*+,;=", c) >= 0
}
