// This file is HTTP/1.1 (RFC 9110, RFC 9112) for static files: read a request
// head, parse it, choose a response and write it. It knows no sockets.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// maxHead is how many bytes a request head may have, its empty line
	// included. Without a limit, one endless head would fill the memory.
	maxHead = 8 << 10
	// maxBody is how many bytes of a request body are read and dropped.
	maxBody = 64 << 10
	// maxChunk is how many bytes of a response are in memory at once.
	maxChunk = 32 << 10
	// dateFormat is IMF-fixdate (RFC 9110, section 5.6.7), for times in UTC.
	dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"
)

// The time limits are variables so that tests can shorten them.
var (
	// headTime is how long a client may take to send its request head.
	headTime = 5 * time.Second
	// sendTime is how long a client may take no byte of a response.
	sendTime = 30 * time.Second
	// drainTime is how long to wait for the client to close after a response.
	drainTime = 2 * time.Second
)

// server is what is needed to answer a request.
type server struct {
	site  fs.FS
	delay time.Duration // how long each response takes to prepare
	quiet bool          // print no line per request
}

// client is a connection as this file needs it.
type client interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	CloseWrite() error
}

// buffers are reused: a new one for each request would cost more than the
// request itself.
var buffers = sync.Pool{New: func() any { return new([maxChunk]byte) }}

// serve answers one request on connection id and closes the connection.
func (s *server) serve(c client, id int) {
	// Nobody is left who could be told that closing failed.
	defer c.Close()
	buf := buffers.Get().(*[maxChunk]byte)
	defer buffers.Put(buf)

	req, p, err := readRequest(c, buf[:maxHead])
	if err != nil {
		return // the client has left, or has said nothing in time
	}
	res := s.choose(&req, p)
	defer res.body.Close()
	res.date = time.Now().UTC().Format(dateFormat)
	res.who, res.conn, res.request = whoAmI(), id, 1
	if !s.quiet {
		fmt.Println(logLine(&req, &res))
	}
	// The kernel sends a short response at once. A long one is on its way for
	// a while, and the client may send more meanwhile.
	long := res.left > maxHead
	if send(c, &res, buf[:]) == nil && (req.more || long) {
		drain(c)
	}
}

// readRequest reads into buf until the empty line that ends a request head,
// and parses the head.
func readRequest(c client, buf []byte) (request, *problem, error) {
	// One deadline for the whole head: a limit for each read would let a
	// client hold the connection with a byte now and then.
	if err := c.SetReadDeadline(time.Now().Add(headTime)); err != nil {
		return request{}, nil, err
	}
	for n := 0; n < len(buf); {
		m, err := c.Read(buf[n:])
		n += m
		if end := headLength(buf[:n]); end > 0 {
			req, p := parseRequest(string(buf[:end]))
			// After a problem, it is not certain where the request ends.
			req.more = n > end || req.length > 0 || p != nil
			return req, p, nil
		}
		switch {
		case err == nil:
		case n > 0 && err == io.EOF:
			return request{more: true}, &endedEarly, nil
		case n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			return request{more: true}, &tooSlow, nil
		default:
			return request{}, nil, err
		}
	}
	return request{more: true}, tooLong(buf), nil
}

// send writes a response to the client, one buffer at a time. An error leaves
// the response unfinished: closing is then the only way to tell the client.
func send(c client, res *response, buf []byte) error {
	// The head and a small file go out together, in one packet if they fit.
	chunk := appendHead(buf[:0], res)
	for {
		n := min(int64(cap(chunk)-len(chunk)), res.left)
		end := len(chunk) + int(n)
		// An error here means that the file is shorter now than it was.
		_, err := io.ReadFull(res.body, chunk[len(chunk):end])
		if err != nil {
			return err
		}
		if err := sendChunk(c, chunk[:end]); err != nil {
			return err
		}
		if res.left -= n; res.left == 0 {
			return nil
		}
		chunk = chunk[:0]
	}
}

// sendChunk writes all of chunk, however slowly the client takes it.
func sendChunk(c client, chunk []byte) error {
	for took := time.Now(); len(chunk) > 0; {
		// A write that times out may have sent a part, long ago. Short waits
		// show when the client last took something.
		err := c.SetWriteDeadline(time.Now().Add(sendTime / 10))
		if err != nil {
			return err
		}
		n, err := c.Write(chunk)
		chunk = chunk[n:]
		if n > 0 {
			took = time.Now()
		}
		slow := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && (!slow || time.Since(took) >= sendTime) {
			return err
		}
	}
	return nil
}

// drain lets the response arrive. If we closed a socket with unread bytes in
// it, the kernel would send a reset (RST), and a reset destroys what the client
// has not read yet (RFC 9112, section 9.6). So say "no more from us", and read
// until the client has closed too.
func drain(c client) {
	if c.CloseWrite() != nil || c.SetReadDeadline(
		time.Now().Add(drainTime)) != nil {
		return
	}
	// However this ends, there is nothing left to do but close.
	_, _ = io.Copy(io.Discard, c)
}

// request is what the server needs to know of a request.
type request struct {
	method, target, version string   // as sent
	path                    string   // of the target, decoded
	query                   string   // of the target, with its "?"
	hosts                   int      // number of Host fields
	length                  int64    // of the body in bytes, 0 if not said
	lengths                 int      // number of Content-Length fields
	codings                 []string // Transfer-Encoding fields
	more                    bool     // bytes follow that nobody will read
}

// problem is why a request gets no file: a status code (RFC 9110, section 15)
// and a sentence for the person who reads the page.
type problem struct {
	status int
	reason string
}

// The problems that do not come from what a request says.
var (
	endedEarly = problem{400, "The request ended before its empty line."}
	tooSlow    = problem{408, "The request took too long to arrive."}
	noFile     = problem{404, "There is no such file."}
)

// headLength returns how many bytes at the start of b are a request head, its
// empty line included, or 0 if the empty line is still to come. Empty lines
// before the request line belong to the head (RFC 9112, section 2.2).
func headLength(b []byte) int {
	n, begun := 0, false
	for {
		end := bytes.IndexByte(b[n:], '\n') + 1
		if end == 0 {
			return 0
		}
		empty := end == 1 || end == 2 && b[n] == '\r'
		n += end
		if empty && begun {
			return n
		}
		begun = begun || !empty
	}
}

// tooLong says what is too long in a head that has more than maxHead bytes.
func tooLong(head []byte) *problem {
	if bytes.IndexByte(bytes.TrimLeft(head, "\r\n"), '\n') < 0 {
		return &problem{414, "The request line is too long."}
	}
	return &problem{431, "The request head is too long."}
}

// parseRequest parses a request head. With a problem, the request holds what
// was understood until then: the log wants it.
func parseRequest(head string) (request, *problem) {
	var req request
	line, rest := cutLine(head)
	for line == "" && rest != "" {
		line, rest = cutLine(rest)
	}
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

// isVersion reports whether s looks like "HTTP/1.1".
func isVersion(s string) bool {
	return len(s) == 8 && s[:5] == "HTTP/" &&
		isDigit(s[5]) && s[6] == '.' && isDigit(s[7])
}

// isVisible reports whether s is one or more visible ASCII characters.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && consistsOf(s, "!#$%&'*+-.^_`|~")
}

// consistsOf reports whether s has only ASCII letters, digits and characters
// of more.
func consistsOf(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		isLetter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !isLetter && !isDigit(c) && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isDigits reports whether s has no other characters than digits.
func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// parseField parses a field line and keeps what the server needs of it.
func (req *request) parseField(line string) *problem {
	name, value, found := strings.Cut(line, ":")
	// A line that begins with a space, or a space before the colon, is read
	// in different ways by different servers. Attackers make use of that.
	if !found || !isToken(name) {
		return &problem{400, "A field line must be a name, a colon right " +
			"after it, and a value."}
	}
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return &problem{400, "A field value has a control character."}
		}
	}
	switch {
	case strings.EqualFold(name, "Host"):
		return req.setHost(value)
	case strings.EqualFold(name, "Content-Length"):
		return req.setLength(value)
	case strings.EqualFold(name, "Transfer-Encoding"):
		req.codings = append(req.codings, value)
	}
	return nil
}

func (req *request) setHost(value string) *problem {
	req.hosts++
	if !isAuthority(value) {
		return &problem{400, "The Host field must be a host and a port."}
	}
	return nil
}

// isAuthority reports whether s looks like "localhost:8080" or "[::1]": a host,
// with or without a port (RFC 3986, section 3.2).
func isAuthority(s string) bool {
	host, port := s, ""
	// The last colon, unless it is one of those in an IPv6 address.
	if i := strings.LastIndexByte(s, ':'); i > strings.IndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == "" && isDigits(port)
	}
	_, err := url.PathUnescape(host)
	return err == nil && consistsOf(host, "-._~%!$&'()*+,;=") && isDigits(port)
}

func (req *request) setLength(value string) *problem {
	if value == "" || !isDigits(value) {
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

// parseTarget splits the request target into path and query and decodes the
// path: "/a%20b?c" is the path "/a b" and the query "?c".
func (req *request) parseTarget() *problem {
	target, ok := originForm(req.target)
	encoded, _, _ := strings.Cut(target, "?")
	path, err := url.PathUnescape(encoded)
	if !ok || err != nil || strings.IndexByte(target, '#') >= 0 ||
		strings.IndexByte(path, 0) >= 0 {
		return &problem{400, "The target must be a path, such as /lab.html."}
	}
	req.path, req.query = path, target[len(encoded):]
	return nil
}

// originForm turns the form that proxies are sent, "http://host/path", into
// "/path": every server must know both (RFC 9112, section 3.2.2).
func originForm(target string) (origin string, ok bool) {
	if strings.HasPrefix(target, "/") {
		return target, true
	}
	scheme, rest, _ := strings.Cut(target, "://")
	i := strings.IndexAny(rest+"/", "/?")
	noHost := i == 0 || rest[0] == ':'
	if !strings.EqualFold(scheme, "http") || noHost || !isAuthority(rest[:i]) {
		return "", false
	}
	return "/" + strings.TrimPrefix(rest[i:], "/"), true
}

// response is what the server answers.
type response struct {
	status   int
	kind     string // Content-Type
	location string // where a redirect leads
	length   int64  // Content-Length
	body     io.ReadCloser
	left     int64  // bytes of body that are still to be sent
	date     string // Date
	who      string // process and thread that answer, from whoAmI
	conn     int    // number of the connection, from 1
	request  int    // number of the request on this connection, from 1
}

// choose finds the response to a request. A problem with the request itself
// comes in as p.
func (s *server) choose(req *request, p *problem) response {
	// In the steps with one thread, this stops everybody: so does all work.
	time.Sleep(s.delay)
	var res response
	if p == nil {
		res, p = s.find(req.path, req.query)
	}
	if p != nil {
		res = p.response()
	}
	if res.left = res.length; req.method == "HEAD" {
		res.left = 0
	}
	return res
}

// find opens the file that a path names.
func (s *server) find(urlPath, query string) (response, *problem) {
	// Clean resolves every "..", and never to more than "/".
	name := path.Clean(urlPath)[1:]
	isDir := name == "" || strings.HasSuffix(urlPath, "/")
	switch {
	case name == "":
		name = "index.html"
	case isDir:
		name += "/index.html"
	}
	file, err := s.site.Open(name)
	if err != nil {
		return response{}, openProblem(err)
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() {
		return response{status: 200, kind: contentType(name),
			length: info.Size(), body: file}, nil
	}
	// It was open for reading only: closing it can lose nothing.
	file.Close()
	if err == nil && info.IsDir() && !isDir {
		return redirect(name, query), nil
	}
	return response{}, &noFile
}

// openProblem says what it means to the client that a file did not open.
func openProblem(err error) *problem {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &problem{403, "The server may not read this file."}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return &problem{503, "The server has too many files open."}
	}
	// Too long, or below a file, or a link out of the site: for the client,
	// none of these is there.
	return &noFile
}

// redirect leads from a directory's name to the same name with a slash. The
// relative links of its page would lead elsewhere without the slash.
func redirect(name, query string) response {
	p := problem{301, "The name of a directory ends in a slash."}
	res := p.response()
	// The name is the client's. Encoded again, it cannot end the field line.
	u := url.URL{Path: "/" + name + "/"}
	res.location = u.EscapedPath() + query
	return res
}

// response makes a small page of a problem.
func (p *problem) response() response {
	title := fmt.Sprintf("%d %s", p.status, phrases[p.status])
	page := fmt.Sprintf(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>%s</title>
<h1>%s</h1>
<p>%s</p>
`, title, title, p.reason)
	return response{status: p.status, kind: contentType(".html"),
		length: int64(len(page)), body: io.NopCloser(strings.NewReader(page))}
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

// contentType says what a file is. Browsers go by this, not by the name.
func contentType(name string) string {
	kind, known := contentTypes[strings.ToLower(path.Ext(name))]
	if !known {
		return "application/octet-stream"
	}
	return kind
}

var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".csv":   "text/csv; charset=utf-8",
	".gif":   "image/gif",
	".htm":   "text/html; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".ico":   "image/x-icon",
	".jpeg":  "image/jpeg",
	".jpg":   "image/jpeg",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".md":    "text/markdown; charset=utf-8",
	".mjs":   "text/javascript; charset=utf-8",
	".mp3":   "audio/mpeg",
	".mp4":   "video/mp4",
	".pdf":   "application/pdf",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".wasm":  "application/wasm",
	".webm":  "video/webm",
	".webp":  "image/webp",
	".woff2": "font/woff2",
	".xml":   "application/xml",
}

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
	b = strconv.AppendInt(b, int64(res.conn), 10)
	b = append(b, "; request "...)
	b = strconv.AppendInt(b, int64(res.request), 10)
	b = append(b, ")\r\nContent-Type: "...)
	b = append(b, res.kind...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, res.length, 10)
	if res.status == 405 {
		b = append(b, "\r\nAllow: GET, HEAD"...)
	}
	if res.location != "" {
		b = append(b, "\r\nLocation: "...)
		b = append(b, res.location...)
	}
	return append(b, "\r\nConnection: close\r\n\r\n"...)
}

// whoAmI names the process and the thread that run this, such as "pid 4242; tid
// 4250". The thread is left out where the system does not tell.
func whoAmI() string {
	link, err := os.Readlink("/proc/thread-self")
	if err != nil {
		return fmt.Sprintf("pid %d", os.Getpid())
	}
	return "pid " + strings.Replace(link, "/task/", "; tid ", 1)
}

// logLine tells who answered what to whom.
func logLine(req *request, res *response) string {
	who := strings.Replace(res.who, ";", "", 1)
	what := "-"
	if req.method != "" {
		what = req.method + " " + req.target
	}
	return fmt.Sprintf("conn %d request %d  %s  %s  %d  %d bytes",
		res.conn, res.request, who, what, res.status, res.left)
}
