// This file tests http.go: tables of what goes in and what must come out, and
// fuzzing, which looks for input that nobody thought of.
//
// Fuzz it: go test -fuzz FuzzNextRequest -fuzztime 60s, in this directory

package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// explain reports a difference: what went in, what came out, and why the
// expected result is right.
func explain(t *testing.T, in, why string, want, got any, opts ...cmp.Option) {
	t.Helper()
	opts = append(opts, cmpopts.EquateErrors(),
		cmpopts.EquateEmpty(), cmp.AllowUnexported(request{}, parts{}))
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("%.300q\nwhat counts here: %s\nresult (-want +got):\n%s",
			in, why, diff)
	}
}

// In each row, in begins with the head, and the rest must not count.
var headLengths = []struct{ why, head, rest string }{
	{"nothing has arrived", "", ""},
	{"the empty line is still to come", "", "GET / HTTP/1.1\r\n"},
	{"half of the empty line is missing", "", "GET / HTTP/1.1\r\n\r"},
	{"a line ends in CR LF", "GET / HTTP/1.1\r\n\r\n", ""},
	{"a lone LF ends a line too", "GET / HTTP/1.1\n\n", ""},
	{"both in one head", "GET / HTTP/1.1\r\nA: b\n\r\n", ""},
	{"a body is no part of the head", "PUT / HTTP/1.1\r\n\r\n", "a\r\n\r\n"},
	{"nor is the next request", "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\n\n"},
	{"empty lines may come first", "\r\n\n\r\nGET / HTTP/1.1\r\n\r\n", "x"},
	{"empty lines alone are no request", "", "\r\n\r\n\n\n"},
	{"a line with a space is not empty", "", "GET / HTTP/1.1\r\n \r\n"},
	{"nor is one with a lone CR", "", "GET / HTTP/1.1\r\n\r\r\n"},
	{"a lone CR ends no line", "", "GET / HTTP/1.1\r\r"},
	{"a line of one byte is not empty", "", "GET / HTTP/1.1\na\n"},
}

func TestNextRequest(t *testing.T) {
	for _, row := range headLengths {
		_, n, _ := nextRequest([]byte(row.head + row.rest))
		explain(t, row.head+row.rest, row.why, len(row.head), n)
	}
}

// plain is the request that most rows change in one place.
const plain = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"

// with returns the plain request with more field lines.
func with(fields string) string {
	return strings.Replace(plain, "\r\n\r\n", "\r\n"+fields+"\r\n\r\n", 1)
}

// padded returns the plain request with a field that makes it n bytes long.
func padded(n int) string {
	return with("A: " + strings.Repeat("a", n-len(with("A: "))))
}

// plainly is what becomes of the plain request.
var plainly = request{method: "GET", target: "/a", version: "HTTP/1.1",
	path: "/a", hosts: 1}

var goodRequests = []struct {
	why, head string
	want      request
}{
	{"the plain request", plain, plainly},
	{"a lone LF ends a line", strings.ReplaceAll(plain, "\r", ""), plainly},
	{"empty lines may come first", "\r\n\n" + plain, plainly},
	{"other fields do not matter", with("A: b\r\nX-y_z!: 1"), plainly},
	{"a value may be empty", with("A:\r\nB: \t "), plainly},
	{"a value may have a tab and other bytes than ASCII",
		with("A: b\tc ä \xff"), plainly},
	{"names of fields have no case, and space around a value is not part of it",
		"GET /a HTTP/1.1\nhOST:\t x \t\n\n", plainly},
	{"who has no name for the server sends an empty Host",
		"GET /a HTTP/1.1\nHost:\n\n", plainly},
	{"HEAD", "HEAD /a HTTP/1.1\nHost: x\n\n", request{method: "HEAD",
		target: "/a", version: "HTTP/1.1", path: "/a", hosts: 1}},
	{"HTTP/1.0 had no Host field", "GET / HTTP/1.0\n\n", request{
		method: "GET", target: "/", version: "HTTP/1.0", path: "/"}},
	{"a later 1.x is read as 1.1", "GET / HTTP/1.7\nHost: x\n\n", request{
		method: "GET", target: "/", version: "HTTP/1.7", path: "/", hosts: 1}},
	{"the target is kept as sent, and decoded",
		"GET /%61?%62 HTTP/1.1\nHost: x\n\n", request{
			method: "GET", target: "/%61?%62", version: "HTTP/1.1",
			path: "/a", query: "?%62", hosts: 1}},
	{"a body of a GET is dropped", with("Content-Length: 65536"), request{
		method: "GET", target: "/a", version: "HTTP/1.1", path: "/a",
		hosts: 1, length: 65536, lengths: 1}},
	{"the same length twice is one length",
		with("Content-Length: 5\r\ncontent-length: 05"), request{
			method: "GET", target: "/a", version: "HTTP/1.1", path: "/a",
			hosts: 1, length: 5, lengths: 2}},
}

// badRequests have one fault each.
var badRequests = []struct {
	why, head string
	status    int
}{
	{"HTTP/0.9 is not served", "GET /a\r\n\r\n", 400},
	{"no target", "GET HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"two spaces", "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"a space at the end", "GET /a HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
	{"a space first", " GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"a space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"a tab instead of a space", "GET\t/a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"a lone CR", "GET /a\r HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"a lone CR at the end", "GET /a HTTP/1.1\r\r\nHost: x\r\n\r\n", 400},
	{"a NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"a DEL in the target", "GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"UTF-8 that is not encoded", "GET /ä HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"a method is a token", "G(T /a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"HTTP has upper case", "GET /a http/1.1\r\nHost: x\r\n\r\n", 400},
	{"one digit each", "GET /a HTTP/1.10\r\nHost: x\r\n\r\n", 400},
	{"one digit each", "GET /a HTTP/1\r\nHost: x\r\n\r\n", 400},
	{"a letter for a digit", "GET /a HTTP/1.x\r\nHost: x\r\n\r\n", 400},
	{"a target is a path", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"* is for OPTIONS only", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"an older version", "GET /a HTTP/0.9\r\nHost: x\r\n\r\n", 505},
	{"a newer version", "GET /a HTTP/2.0\r\nHost: x\r\n\r\n", 505},
	{"how HTTP/2 begins", "PRI * HTTP/2.0\r\n\r\n", 505},

	{"no colon", with("A"), 400},
	{"no name", with(": a"), 400},
	{"a name is a token", with("A(: a"), 400},
	{"a name is ASCII", with("Ä: a"), 400},
	{"servers read a space before the colon differently", with("A : a"), 400},
	{"or a tab", with("A\t: a"), 400},
	{"a folded line is read differently too", with("A: b\r\n c"), 400},
	{"or one that a tab folds", with("A: b\r\n\tc: d"), 400},
	{"a space before the first field",
		"GET /a HTTP/1.1\r\n Host: x\r\n\r\n", 400},
	{"a lone CR may end a line for others", with("A: b\rC: d"), 400},
	{"a lone CR at the end", with("A: b\r"), 400},
	{"a line of a lone CR", with("\r"), 400},
	{"a NUL in a value", with("A: \x00"), 400},
	{"a DEL in a value", with("A: \x7f"), 400},

	{"HTTP/1.1 needs a Host", "GET /a HTTP/1.1\r\n\r\n", 400},
	{"a later 1.x too", "GET /a HTTP/1.2\r\n\r\n", 400},
	{"also with a whole URL", "GET http://x/ HTTP/1.1\r\n\r\n", 400},
	{"two Hosts: which counts?", with("Host: y"), 400},
	{"even the same one twice", with("host: x"), 400},
	{"two in HTTP/1.0", "GET /a HTTP/1.0\nHost: x\nHost: y\n\n", 400},
	{"a Host with a path", "GET /a HTTP/1.1\nHost: x/y\n\n", 400},
	{"two in one field", "GET /a HTTP/1.1\nHost: x, y\n\n", 400},

	{"no number", with("Content-Length: x"), 400},
	{"no value", with("Content-Length:"), 400},
	{"a sign", with("Content-Length: +5"), 400},
	{"below zero", with("Content-Length: -5"), 400},
	{"another base", with("Content-Length: 0x5"), 400},
	{"a fraction", with("Content-Length: 5.0"), 400},
	{"a space in it", with("Content-Length: 5 5"), 400},
	{"a list", with("Content-Length: 5, 5"), 400},
	{"two that differ: where does the next request begin?",
		with("Content-Length: 5\r\nContent-Length: 6"), 400},
	{"the first one is 0", with("Content-Length: 0\r\nContent-Length: 6"), 400},
	{"one byte too many", with("Content-Length: 65537"), 413},
	{"more than 64 bits", with("Content-Length: 99999999999999999999"), 413},
	{"a length modulo 2^64",
		with("Content-Length: 18446744073709551617"), 413},
	{"both: attackers hide a request in the body that way",
		with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
	{"both, the other way round",
		with("Transfer-Encoding: chunked\r\nContent-Length: 0"), 400},
	{"both, with a coding that nobody knows",
		with("Transfer-Encoding: x\r\nContent-Length: 5"), 400},
	{"chunked", with("Transfer-Encoding: chunked"), 411},
	{"a coding has no case", with("transfer-encoding: CHUNKED"), 411},
	{"another coding", with("Transfer-Encoding: gzip, chunked"), 501},
	{"twice", with("Transfer-Encoding: x\r\nTransfer-Encoding: chunked"), 501},
	{"nearly chunked", with("Transfer-Encoding: xchunked"), 501},
	{"no coding at all", with("Transfer-Encoding:"), 501},

	{"POST", "POST /a HTTP/1.1\nHost: x\n\n", 405},
	{"PUT", "PUT /a HTTP/1.1\nHost: x\nContent-Length: 5\n\n", 405},
	{"DELETE", "DELETE /a HTTP/1.1\nHost: x\n\n", 405},
	{"CONNECT, which has a target of its own",
		"CONNECT x:80 HTTP/1.1\nHost: x:80\n\n", 405},
	{"OPTIONS, which has one too", "OPTIONS * HTTP/1.1\nHost: x\n\n", 405},
	{"TRACE", "TRACE /a HTTP/1.1\nHost: x\n\n", 405},
	{"PATCH", "PATCH /a HTTP/1.1\nHost: x\n\n", 405},
	{"a method that nobody knows", "BREW /a HTTP/1.1\nHost: x\n\n", 501},
	{"methods have upper case", "get /a HTTP/1.1\nHost: x\n\n", 501},
}

// parse parses a request that is complete.
func parse(t *testing.T, head string) (request, *problem) {
	t.Helper()
	req, n, p := nextRequest([]byte(head))
	explain(t, head, "the request ends with its empty line", len(head), n)
	return req, p
}

func TestParseRequest(t *testing.T) {
	for _, row := range goodRequests {
		got, p := parse(t, row.head)
		explain(t, row.head, row.why, 0, statusOf(p))
		got.keep = false // see TestKeepAlive
		explain(t, row.head, row.why, row.want, got)
	}
	for _, row := range badRequests {
		_, p := parse(t, row.head)
		explain(t, row.head, row.why, row.status, statusOf(p))
	}
}

// statusOf returns the status of a problem, 0 for none.
func statusOf(p *problem) int {
	if p == nil {
		return 0
	}
	return p.status
}

// The log tells what was asked for even when the answer is no.
func TestParseRequestForLog(t *testing.T) {
	in := "POST /a?b HTTP/1.1\r\nHost: x\r\n\r\n"
	got, _ := parse(t, in)
	explain(t, in, "method and target are read before the fault",
		"POST /a?b", got.method+" "+got.target)
}

// parts are what parseTarget makes of a target.
type parts struct {
	path, query string
	status      int // 0 is good
}

var targets = []struct {
	why, target string
	want        parts
}{
	{"the shortest", "/", parts{"/", "", 0}},
	{"a path", "/a/b.html", parts{"/a/b.html", "", 0}},
	{"the query is cut off", "/a?b=c", parts{"/a", "?b=c", 0}},
	{"at the first question mark", "/a?b?c", parts{"/a", "?b?c", 0}},
	{"a query may be empty", "/a?", parts{"/a", "?", 0}},
	{"a slash may be in it", "/a?b/../c", parts{"/a", "?b/../c", 0}},
	{"it is not decoded", "/a?%zz", parts{"/a", "?%zz", 0}},
	{"the path is decoded", "/a%20b", parts{"/a b", "", 0}},
	{"hexadecimal digits have no case", "/%c3%A4", parts{"/ä", "", 0}},
	{"but once only", "/%2541", parts{"/%41", "", 0}},
	{"a plus is a plus in a path", "/a+b", parts{"/a+b", "", 0}},
	{"an encoded ? begins no query", "/a%3Fb?c", parts{"/a?b", "?c", 0}},
	{"nor is # special", "/a%23b", parts{"/a#b", "", 0}},
	{"the path may be no UTF-8", "/%ff", parts{"/\xff", "", 0}},
	{"CR LF too may be in a name", "/a%0D%0Ab", parts{"/a\r\nb", "", 0}},
	{".. is resolved later", "/../%2e%2e/a", parts{"/../../a", "", 0}},
	{"this is a path, not a host", "//x/a", parts{"//x/a", "", 0}},

	{"what proxies are sent", "http://x/a?b", parts{"/a", "?b", 0}},
	{"a scheme has no case", "HTTP://x:80/a", parts{"/a", "", 0}},
	{"no path is /", "http://x", parts{"/", "", 0}},
	{"with a query too", "http://x?a/b", parts{"/", "?a/b", 0}},
	{"an IPv6 address", "http://[::1]:80/a", parts{"/a", "", 0}},
	{"slashes stay", "http://x//y/a", parts{"//y/a", "", 0}},

	{"empty", "", parts{"", "", 400}},
	{"no slash first", "a", parts{"", "", 400}},
	{"a bad escape", "/%zz", parts{"", "", 400}},
	{"half an escape", "/%4", parts{"", "", 400}},
	{"a percent sign alone", "/%", parts{"", "", 400}},
	{"the kernel ends a name at a NUL", "/a%00.html", parts{"", "", 400}},
	{"browsers keep the fragment", "/a#b", parts{"", "", 400}},
	{"also after the query", "/a?b#c", parts{"", "", 400}},
	{"no host", "http:///a", parts{"", "", 400}},
	{"nothing at all", "http://", parts{"", "", 400}},
	{"a port but no host (RFC 9110, section 4.2.1)", "http://:80/a",
		parts{"", "", 400}},
	{"a user, which is a trick", "http://x@y/a", parts{"", "", 400}},
	{"a bad port", "http://x:y/a", parts{"", "", 400}},
	{"another scheme", "ftp://x/a", parts{"", "", 400}},
	{"one slash only", "http:/a", parts{"", "", 400}},
	{"a host and port", "x:80", parts{"", "", 400}},
}

func TestParseTarget(t *testing.T) {
	for _, row := range targets {
		req := request{target: row.target}
		p := req.parseTarget()
		got := parts{req.path, req.query, statusOf(p)}
		explain(t, row.target, row.why, row.want, got)
	}
}

var authorities = []struct {
	why, in string
	want    bool
}{
	{"a name", "localhost", true},
	{"a name and a port", "localhost:8080", true},
	{"digits and dots", "127.0.0.1:80", true},
	{"a port may be empty", "x:", true},
	{"so may all of it", "", true},
	{"an underscore is seen in practice", "a_b.example", true},
	{"a dot at the end", "x.example.", true},
	{"an escape", "%C3%A4.example", true},
	{"an IPv6 address", "[::1]", true},
	{"and a port", "[2001:db8::1]:8080", true},
	{"with an IPv4 address in it", "[::ffff:1.2.3.4]", true},

	{"a port is a number", "x:y", false},
	{"a sign", "x:+80", false},
	{"two ports", "x:80:80", false},
	{"IPv6 needs its brackets", "::1", false},
	{"no end bracket", "[::1", false},
	{"no first bracket", "::1]", false},
	{"text after the bracket", "[::1]x", false},
	{"no address in them", "[]", false},
	{"no IPv6 in them", "[1.2.3.4]", false},
	{"a name in them", "[x]", false},
	{"a zone with a space", "[fe80::1% x]", false},
	{"a zone with a slash", "[fe80::1%/x]", false},
	{"a user", "x@y", false},
	{"a path", "x/y", false},
	{"a whole URL", "http://x", false},
	{"a query", "x?y", false},
	{"a fragment", "x#y", false},
	{"a space", "x y", false},
	{"a backslash", `x\y`, false},
	{"a bad escape", "%zz", false},
	{"UTF-8 that is not encoded", "ä", false},
	{"a quote", `"x"`, false},
	{"HTML", "<x>", false},
}

func TestIsAuthority(t *testing.T) {
	for _, row := range authorities {
		explain(t, row.in, row.why, row.want, isAuthority(row.in))
	}
}

// sent is a response to a test's liking.
func sent(status int, change func(*response)) response {
	res := response{status: status, kind: "image/png", length: 1024,
		left: 1024, date: "Sun, 06 Nov 1994 08:49:37 GMT",
		who: "pid 4242; tid 4250", connNo: 12, reqNo: 1}
	if change != nil {
		change(&res)
	}
	return res
}

const (
	// between is what each head has between its status line and its end.
	between = "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n" +
		"Server: " + step + " (pid 4242; tid 4250; conn 12; request 1)\r\n" +
		"Content-Type: image/png\r\n" +
		"Content-Length: 1024\r\n"
	closes = "Connection: close\r\n\r\n"
)

var heads = []struct {
	why  string
	res  response
	want string
}{
	{"a file", sent(200, nil), "HTTP/1.1 200 OK" + between + closes},
	{"HEAD has the length of the body that GET would send",
		sent(200, func(r *response) { r.left = 0 }),
		"HTTP/1.1 200 OK" + between + closes},
	{"a redirect says where to", sent(301, func(r *response) {
		r.location = "/a/?b"
	}), "HTTP/1.1 301 Moved Permanently" + between + "Location: /a/?b\r\n" +
		closes},
	{"how long it took to prepare is told in milliseconds",
		sent(200, func(r *response) { r.work = 100260 * time.Microsecond }),
		"HTTP/1.1 200 OK" + between + "Server-Timing: work;dur=100.3\r\n" +
			closes},
	{"405 must say what is allowed (RFC 9110, section 15.5.6)", sent(405, nil),
		"HTTP/1.1 405 Method Not Allowed" + between +
			"Allow: GET, HEAD\r\n" + closes},
	{"HTTP/1.0 must be told that the connection stays open",
		sent(200, func(r *response) { r.keep = true }),
		"HTTP/1.1 200 OK" + between + "Connection: keep-alive\r\n\r\n"},
}

func TestAppendHead(t *testing.T) {
	for _, row := range heads {
		got := appendHead([]byte("before "), &row.res)
		explain(t, strconv.Itoa(row.res.status), row.why,
			"before "+row.want, string(got))
	}
}

var keepAlives = []struct {
	why, head string
	want      bool
}{
	{"1.1 keeps", plain, true},
	{"a later 1.x too", "GET / HTTP/1.2\nHost: x\n\n", true},
	{"unless the client wants to close", with("Connection: close"), false},
	{"an option has no case", with("connection: Close"), false},
	{"a list", with("Connection: x ,\tclose , y"), false},
	{"two fields", with("Connection: close\r\nConnection: x"), false},
	{"close counts more", with("Connection: close, keep-alive"), false},
	{"in any order", with("Connection: keep-alive, close"), false},
	{"not an option that only looks like it", with("Connection: closed"), true},
	{"another option", with("Connection: Upgrade"), true},
	{"1.0 does not keep", "GET / HTTP/1.0\n\n", false},
	{"unless the client wants to",
		"GET / HTTP/1.0\nConnection: Keep-Alive\n\n", true},
	{"this field does not say so",
		"GET / HTTP/1.0\nKeep-Alive: timeout=5\n\n", false},

	{"a body that is dropped", with("Content-Length: 65536"), true},
	{"one that is not", with("Content-Length: 65537"), false},
	{"who waits for 100 may send the body or not",
		with("Expect: 100-continue\r\nContent-Length: 5"), false},
	{"without a body there is no doubt", with("Expect: 100-continue"), true},

	{"405, but the end is known",
		"POST / HTTP/1.1\nHost: x\nContent-Length: 5\n\n", true},
	{"405 with too long a body",
		"POST / HTTP/1.1\nHost: x\nContent-Length: 65537\n\n", false},
	{"501 for a method", "BREW / HTTP/1.1\nHost: x\n\n", true},
	{"a bad target is no bad end", "GET /%zz HTTP/1.1\nHost: x\n\n", true},
	{"a bad first line", "GET /\nHost: x\n\n", false},
	{"another version", "GET / HTTP/2.0\nHost: x\n\n", false},
	{"a bad field line", with("A : b"), false},
	{"no Host", "GET / HTTP/1.1\n\n", false},
	{"two Hosts", with("Host: y"), false},
	{"a bad length", with("Content-Length: x"), false},
	{"two lengths", with("Content-Length: 5\r\nContent-Length: 6"), false},
	{"both: where does the body end?",
		with("Content-Length: 5\r\nTransfer-Encoding: chunked"), false},
	{"chunked", with("Transfer-Encoding: chunked"), false},
	{"another coding", with("Transfer-Encoding: x"), false},
	{"even on request",
		with("Transfer-Encoding: x\r\nConnection: keep-alive"), false},
}

// If the server keeps a connection, it must know where the next request begins.
// Otherwise an attacker can hide a request in the body of another.
func TestKeepAlive(t *testing.T) {
	for _, row := range keepAlives {
		got, _ := parse(t, row.head)
		explain(t, row.head, row.why, row.want, got.keep)
	}
}

// FuzzNextRequest looks for input that is read in two ways, or that breaks a
// rule and is accepted.
func FuzzNextRequest(f *testing.F) {
	addRequests(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		req, n, p := nextRequest(data)
		if n == 0 {
			return // the server would wait for more
		}
		head := string(data[:n])
		checkPieces(t, data, n)
		again, _, q := nextRequest([]byte(head))
		explain(t, head, "the same request is read the same way", req, again)
		explain(t, head, "and answered the same way", statusOf(p), statusOf(q))
		if req.keep && (fieldsOf(head, "transfer-encoding") != nil ||
			!lengthIsClear(head, req.length) || req.length > maxBody ||
			slices.Contains(fieldsOf(head, "connection"), "close")) {
			t.Errorf("%q: the connection is kept, but it must not", head)
		}
		if p != nil {
			if phrases[p.status] == "" {
				t.Errorf("%q: status %d has no phrase", head, p.status)
			}
			return
		}
		for rule, kept := range rulesOf(head, &req) {
			if !kept {
				t.Errorf("accepted %q, but %s", head, rule)
			}
		}
	})
}

// addRequests adds the requests of all tables.
func addRequests(f *testing.F) {
	for _, row := range headLengths {
		f.Add([]byte(row.head + row.rest))
	}
	for _, row := range goodRequests {
		f.Add([]byte(row.head))
	}
	for _, row := range badRequests {
		f.Add([]byte(row.head))
	}
	for _, row := range keepAlives {
		f.Add([]byte(row.head))
	}
	for _, row := range targets {
		f.Add([]byte("GET " + row.target + " HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
}

// checkPieces checks that a request of n bytes is the same request when it
// arrives byte by byte, and when others follow.
func checkPieces(t *testing.T, data []byte, n int) {
	t.Helper()
	if n == maxHead {
		return // too long, or just not: what is in it does not matter
	}
	if head := string(data[:n]); !strings.HasSuffix(head, "\n\n") &&
		!strings.HasSuffix(head, "\n\r\n") {
		t.Errorf("request %q of %q does not end in an empty line", head, data)
	}
	for i := range data[:min(n, 1000)] {
		if _, got, _ := nextRequest(data[:i]); got != 0 {
			t.Fatalf("nextRequest(%q) takes %d bytes, but with all of %q it "+
				"takes %d", data[:i], got, data, n)
		}
	}
	more := append(data[:n:n], "\r\n\r\na\r\n\r\n"...)
	if _, got, _ := nextRequest(more); got != n {
		t.Errorf("nextRequest(%q) takes %d bytes, but %d with more after it",
			data, n, got)
	}
}

// rulesOf says which rules an accepted request keeps. It looks at the head in
// another way than the parser: two that make the same mistake are rare.
func rulesOf(head string, req *request) map[string]bool {
	hosts := len(fieldsOf(head, "host"))
	lines := strings.ReplaceAll(head, "\r\n", "\n")
	isControl := func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' || r == 0x7f
	}
	return map[string]bool{
		"the method is neither GET nor HEAD": req.method == "GET" ||
			req.method == "HEAD",
		"the path does not begin with /": strings.HasPrefix(req.path, "/"),
		"the path has a NUL":             !strings.Contains(req.path, "\x00"),
		"the target has a control character or a space": !strings.ContainsFunc(
			req.target, func(r rune) bool { return r <= ' ' || r >= 0x7f }),
		"the head has a control character": !strings.ContainsFunc(
			lines, isControl),
		"a line is folded": !strings.Contains(lines, "\n ") &&
			!strings.Contains(lines, "\n\t"),
		"it has not one Host": hosts == 1 ||
			hosts == 0 && req.version == "HTTP/1.0",
		"it has a transfer coding": fieldsOf(head, "transfer-encoding") == nil,
		"its length is unclear":    lengthIsClear(head, req.length),
		"its body is too long":     req.length <= maxBody,
	}
}

// fieldsOf returns the values of all fields of a name.
func fieldsOf(head, name string) (values []string) {
	for line := range strings.SplitSeq(head, "\n") {
		if len(line) > len(name) && line[len(name)] == ':' &&
			strings.EqualFold(line[:len(name)], name) {
			values = append(values, strings.TrimSpace(line[len(name)+1:]))
		}
	}
	return values
}

// lengthIsClear reports whether every Content-Length is length, and length is 0
// if there is none.
func lengthIsClear(head string, length int64) bool {
	values := fieldsOf(head, "content-length")
	for _, value := range values {
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || int64(n) != length {
			return false
		}
	}
	return len(values) > 0 || length == 0
}
