// This file tests http.go: tables of what goes in and what must come out, and
// fuzzing, which looks for input that nobody thought of.
//
// Fuzz it: go test -fuzz FuzzParseRequest -fuzztime 60s, in this directory

package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
		panic("SHORT_LIMITS must be a number from 1 on, not " + value)
	}
	headTime /= time.Duration(n)
	sendTime /= time.Duration(n)
	drainTime /= time.Duration(n)
}

func TestTimeLimits(t *testing.T) {
	type limits struct {
		Head, Send, Drain time.Duration
		HeadBytes         int
	}
	want := limits{5 * time.Second, 30 * time.Second, 2 * time.Second, 8192}
	got := limits{headTime, sendTime, drainTime, maxHead}
	explain(t, "the limits", "a limit was changed and not set back", want, got)
}

// explain reports a difference: what went in, what came out, and why the
// expected result is right.
func explain(t *testing.T, in, why string, want, got any, opts ...cmp.Option) {
	t.Helper()
	opts = append(opts, cmpopts.EquateErrors(),
		cmp.AllowUnexported(request{}, parts{}, answer{}, outcome{}))
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

func TestHeadLength(t *testing.T) {
	for _, row := range headLengths {
		got := headLength([]byte(row.head + row.rest))
		explain(t, row.head+row.rest, row.why, len(row.head), got)
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
	{"how HTTP/2 begins", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},

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

func TestParseRequest(t *testing.T) {
	for _, row := range goodRequests {
		got, p := parseRequest(row.head)
		explain(t, row.head, row.why, 0, statusOf(p))
		explain(t, row.head, row.why, row.want, got)
	}
	for _, row := range badRequests {
		_, p := parseRequest(row.head)
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
	got, _ := parseRequest(in)
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

// newSite makes a directory to serve, with a secret next to it.
func newSite(t *testing.T) fs.FS {
	t.Helper()
	top := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("cannot make a site to test with: %v", err)
		}
	}
	for _, dir := range []string{"dir", "empty", "evil.example",
		`\evil.example`, "grüße", "a?b", "100%", "a\r\nSet-Cookie: b",
		"dir/index.html"} {
		must(os.MkdirAll(filepath.Join(top, "site", dir), 0o755))
	}
	must(os.Mkdir(filepath.Join(top, "secrets"), 0o755))
	for _, file := range []string{"site/index.html", "site/a.txt",
		"site/a.txt.gz", "site/empty.txt", "site/grüße/index.html",
		"secret.txt", "secrets/secret.txt"} {
		text := "this is " + file
		if file == "site/empty.txt" {
			text = ""
		}
		must(os.WriteFile(filepath.Join(top, file), []byte(text), 0o644))
	}
	for link, to := range map[string]string{"in.txt": "a.txt",
		"out.txt": "../secret.txt", "out": "../secrets", "loop": "loop",
		"abs.txt": filepath.Join(top, "secret.txt")} {
		must(os.Symlink(to, filepath.Join(top, "site", link)))
	}
	must(syscall.Mkfifo(filepath.Join(top, "site", "pipe.txt"), 0o644))
	root, err := os.OpenRoot(filepath.Join(top, "site"))
	must(err)
	t.Cleanup(func() { root.Close() })
	return directory{root}
}

// answer is what counts of a response.
type answer struct {
	status               int
	kind, location, body string // body of a 200 only
}

const (
	htmlKind = "text/html; charset=utf-8"
	textKind = "text/plain; charset=utf-8"
)

// aFile is the answer that serves one of the files of newSite.
func aFile(name string) answer {
	return answer{200, contentType(name), "", "this is site/" + name}
}

// aRedirect is the answer that leads to location.
func aRedirect(location string) answer {
	return answer{301, htmlKind, location, ""}
}

// none is the answer that there is no such file.
var none = answer{404, htmlKind, "", ""}

var choices = []struct {
	why, target string
	want        answer
}{
	{"a directory's page is its index.html", "/", aFile("index.html")},
	{"by its name", "/index.html", aFile("index.html")},
	{"another file", "/a.txt", aFile("a.txt")},
	{"a query does not matter", "/a.txt?b=c", aFile("a.txt")},
	{"the last suffix counts", "/a.txt.gz", aFile("a.txt.gz")},
	{"a file may be empty", "/empty.txt", answer{200, textKind, "", ""}},
	{"names may have other letters", "/gr%C3%BC%C3%9Fe/",
		aFile("grüße/index.html")},
	{"what proxies are sent", "http://x/a.txt", aFile("a.txt")},
	{"slashes may be doubled", "//dir//..//a.txt", aFile("a.txt")},
	{".. within the site is fine", "/dir/../a.txt", aFile("a.txt")},
	{".. stops at the top", "/../../a.txt", aFile("a.txt")},
	{"a link within the site too", "/in.txt", aFile("a.txt")},

	{"no such file", "/b.txt", none},
	{"names have case", "/B.TXT", none},
	{"a file has no slash", "/a.txt/", none},
	{"and nothing below it", "/a.txt/b", none},
	{"no index.html", "/empty/", none},
	{"an index.html that is a directory", "/dir/", none},
	{"no UTF-8", "/%ff", none},
	{"too long a name", "/" + strings.Repeat("a", 5000), none},
	{"a link in a circle", "/loop", none},

	{"the way out of the site", "/../secret.txt", none},
	{"the dots encoded", "/%2e%2e/secret.txt", none},
	{"one dot encoded", "/.%2e/secret.txt", none},
	{"the slash encoded", "/..%2fsecret.txt", none},
	{"deeper", "/dir/../../secret.txt", none},
	{"deeper and encoded", "/dir/..%2f..%2fsecret.txt", none},
	{"encoded twice", "/%252e%252e/secret.txt", none},
	{"the other slash", `/..\secret.txt`, none},
	{"the other slash encoded", "/..%5csecret.txt", none},
	{"four dots", "/....//secret.txt", none},
	{"a link out of the site", "/out.txt", none},
	{"a link with an absolute name", "/abs.txt", none},
	{"a file below a link", "/out/secret.txt", none},
	{"a directory behind a link", "/out", none},

	{"a directory without its slash", "/dir", aRedirect("/dir/")},
	{"with a query", "/dir?b=c&d", aRedirect("/dir/?b=c&d")},
	{"with an empty query", "/dir?", aRedirect("/dir/?")},
	{"a query with a slash", "/dir?b/", aRedirect("/dir/?b/")},
	{"the slash is not last", "/dir/.", aRedirect("/dir/")},
	{"nor here", "/dir/b/..", aRedirect("/dir/")},
	{"without index.html too", "/empty", aRedirect("/empty/")},
	{"what proxies are sent", "http://x/dir", aRedirect("/dir/")},
	{"browsers read //evil.example as a host", "//evil.example",
		aRedirect("/evil.example/")},
	{"encoded", "/%2Fevil.example", aRedirect("/evil.example/")},
	{"with dots", "//evil.example/..", answer{200, htmlKind, "",
		"this is site/index.html"}},
	{"more dots", "/dir/..//evil.example/.", aRedirect("/evil.example/")},
	{"and /\\ as //", "/%5Cevil.example", aRedirect("/%5Cevil.example/")},
	{"the name must not end the field line", "/a%0d%0aSet-Cookie:%20b",
		aRedirect("/a%0D%0ASet-Cookie:%20b/")},
	{"other letters are encoded", "/gr%c3%bc%c3%9fe",
		aRedirect("/gr%C3%BC%C3%9Fe/")},
	{"a ? of the name", "/a%3Fb?c", aRedirect("/a%3Fb/?c")},
	{"a % of the name", "/100%25", aRedirect("/100%25/")},
}

func TestChoose(t *testing.T) {
	s := server{site: newSite(t)}
	for _, row := range choices {
		for _, method := range []string{"GET", "HEAD"} {
			req := request{method: method, target: row.target}
			res := s.choose(&req, req.parseTarget())
			body, err := io.ReadAll(res.body)
			explain(t, row.target, "the body is readable", nil, err)
			explain(t, row.target, "Content-Length is right",
				int64(len(body)), res.length)
			if method == "HEAD" {
				explain(t, row.target, "HEAD sends no body",
					int64(0), res.left)
			} else {
				explain(t, row.target, "GET sends all of it",
					res.length, res.left)
			}
			explain(t, row.target, row.why, row.want, answerOf(&res, body))
			explain(t, row.target, "the file can be closed", nil,
				res.body.Close())
		}
	}
}

// answerOf returns what counts of a response.
func answerOf(res *response, body []byte) answer {
	a := answer{res.status, res.kind, res.location, string(body)}
	if res.status != 200 {
		a.body = "" // a page for people: its words may change
	}
	return a
}

// To open a named pipe waits until somebody writes to it. A server that does
// that can be stopped with one request.
func TestChooseNamedPipe(t *testing.T) {
	s := server{site: newSite(t)}
	done := make(chan answer, 1)
	go func() {
		res := s.choose(&request{method: "GET", path: "/pipe.txt"}, nil)
		defer res.body.Close()
		done <- answerOf(&res, nil)
	}()
	select {
	case got := <-done:
		explain(t, "/pipe.txt", "only regular files are served", none, got)
	case <-time.After(10 * time.Second):
		t.Fatal("GET of a named pipe never ends; open it with O_NONBLOCK")
	}
}

// A problem becomes a page that says what is wrong.
func TestChooseProblem(t *testing.T) {
	s := server{site: fstest.MapFS{}}
	for status, phrase := range phrases {
		p := problem{status, "This is the reason."}
		res := s.choose(&request{method: "GET"}, &p)
		body, err := io.ReadAll(res.body)
		explain(t, phrase, "the page is readable", nil, err)
		explain(t, phrase, "Content-Length is right", int64(len(body)),
			res.length)
		for _, part := range []string{phrase, p.reason} {
			if !bytes.Contains(body, []byte(part)) {
				t.Errorf("the page of %d does not say %q:\n%s",
					status, part, body)
			}
		}
	}
}

var openErrors = []struct {
	why  string
	err  error
	want int
}{
	{"no such file", fs.ErrNotExist, 404},
	{"a name that cannot be", fs.ErrInvalid, 404},
	{"a name that is too long", syscall.ENAMETOOLONG, 404},
	{"below a file", syscall.ENOTDIR, 404},
	{"out of the site", errors.New("path escapes from parent"), 404},
	{"it is there, but not for us", syscall.EACCES, 403},
	{"this process has no descriptor left", syscall.EMFILE, 503},
	{"nor has the whole system", syscall.ENFILE, 503},
}

func TestOpenProblem(t *testing.T) {
	for _, row := range openErrors {
		p := openProblem(&fs.PathError{Op: "open", Path: "a", Err: row.err})
		explain(t, row.err.Error(), row.why, row.want, statusOf(p))
	}
}

var contentKinds = []struct{ why, name, want string }{
	{"text has a charset", "index.html", "text/html; charset=utf-8"},
	{"style sheets are text", "a/b.css", "text/css; charset=utf-8"},
	{"scripts are text", "a.js", "text/javascript; charset=utf-8"},
	{"modules too", "a.mjs", "text/javascript; charset=utf-8"},
	{"plain text", "a.txt", "text/plain; charset=utf-8"},
	{"pictures have no charset", "a.png", "image/png"},
	{"nor has JSON, which is always UTF-8", "a.json", "application/json"},
	{"XML says it itself", "a.svg", "image/svg+xml"},
	{"a suffix has no case", "A.JPG", "image/jpeg"},
	{"the last suffix counts", "a.html.txt", "text/plain; charset=utf-8"},
	{"unknown", "a.tar.gz", "application/octet-stream"},
	{"no suffix", "html", "application/octet-stream"},
	{"a suffix of the directory", "a.html/b", "application/octet-stream"},
	{"a dot and nothing more", "a.", "application/octet-stream"},
}

func TestContentType(t *testing.T) {
	for _, row := range contentKinds {
		explain(t, row.name, row.why, row.want, contentType(row.name))
	}
}

// sent is a response to a test's liking.
func sent(status int, change func(*response)) response {
	res := response{status: status, kind: "image/png", length: 1024,
		left: 1024, date: "Sun, 06 Nov 1994 08:49:37 GMT",
		who: "pid 4242; tid 4250", conn: 12, request: 1}
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
	{"405 must say what is allowed (RFC 9110, section 15.5.6)", sent(405, nil),
		"HTTP/1.1 405 Method Not Allowed" + between +
			"Allow: GET, HEAD\r\n" + closes},
}

func TestAppendHead(t *testing.T) {
	for _, row := range heads {
		got := appendHead([]byte("before "), &row.res)
		explain(t, strconv.Itoa(row.res.status), row.why,
			"before "+row.want, string(got))
	}
}

var logLines = []struct {
	why  string
	req  request
	res  response
	want string
}{
	{"a file", request{method: "GET", target: "/a?b"}, sent(200, nil),
		"conn 12 request 1  pid 4242 tid 4250  GET /a?b  200  1024 bytes"},
	{"HEAD sends none of its bytes", request{method: "HEAD", target: "/a"},
		sent(200, func(r *response) { r.left = 0 }),
		"conn 12 request 1  pid 4242 tid 4250  HEAD /a  200  0 bytes"},
	{"nothing was understood", request{}, sent(400, nil),
		"conn 12 request 1  pid 4242 tid 4250  -  400  1024 bytes"},
	{"a system that does not tell the thread",
		request{method: "GET", target: "/"},
		sent(404, func(r *response) { r.who = "pid 1" }),
		"conn 12 request 1  pid 1  GET /  404  1024 bytes"},
}

func TestLogLine(t *testing.T) {
	for _, row := range logLines {
		explain(t, row.req.target, row.why, row.want,
			logLine(&row.req, &row.res))
	}
}

// pipe is a connection in memory, without any buffer: what one end writes waits
// until the other end reads it.
type pipe struct{ net.Conn }

func (pipe) CloseWrite() error { return nil }

// outcome is what readRequest returns, and when.
type outcome struct {
	method, path string
	more         bool
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
		outcome{"GET", "/a", false, 0, nil, 0}},
	{"each byte alone", strings.Split(plain, ""), 0, false,
		outcome{"GET", "/a", false, 0, nil, 0}},
	{"the client hangs up when it has asked", []string{plain}, 0, true,
		outcome{"GET", "/a", false, 0, nil, 0}},
	{"slow, but in time", []string{"GET /a HTTP/1.1\r\n", "Host: x\r\n",
		"\r\n"}, 2 * time.Second, false,
		outcome{"GET", "/a", false, 0, nil, 4 * time.Second}},
	{"the limit is for the head, not for each byte",
		strings.Split(plain, ""), time.Second, false,
		outcome{"", "", true, 408, nil, 5 * time.Second}},
	{"the client falls silent", []string{"GET /a"}, 0, false,
		outcome{"", "", true, 408, nil, 5 * time.Second}},
	{"who says nothing gets no answer", nil, 0, false,
		outcome{"", "", false, 0, os.ErrDeadlineExceeded, 5 * time.Second}},
	{"the client leaves at once", nil, 0, true,
		outcome{"", "", false, 0, io.EOF, 0}},
	{"the client leaves too early", []string{"GET /a HTTP/1.1\r\n"}, 0, true,
		outcome{"", "", true, 400, nil, 0}},
	{"a second request is left unread", []string{plain + plain}, 0, false,
		outcome{"GET", "/a", true, 0, nil, 0}},
	{"a body may still come", []string{with("Content-Length: 5")}, 0, false,
		outcome{"GET", "/a", true, 0, nil, 0}},
	{"so may whatever follows a bad request", []string{with("A")}, 0, false,
		outcome{"GET", "", true, 400, nil, 0}},
	{"8 KiB are allowed", []string{padded(maxHead)}, 0, false,
		outcome{"GET", "/a", false, 0, nil, 0}},
	{"more are not", []string{padded(maxHead + 1)}, 0, false,
		outcome{"", "", true, 431, nil, 0}},
	{"more, with no end", []string{with(strings.Repeat("A: b\r\n", 9999))},
		0, false, outcome{"", "", true, 431, nil, 0}},
	{"the first line alone is too long",
		[]string{"GET /" + strings.Repeat("a", maxHead)}, 0, false,
		outcome{"", "", true, 414, nil, 0}},
	{"even with empty lines before it",
		[]string{"\r\n\r\nGET /" + strings.Repeat("a", maxHead)}, 0, false,
		outcome{"", "", true, 414, nil, 0}},
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
			req, p, err := readRequest(pipe{ours}, make([]byte, maxHead))
			got := outcome{req.method, req.path, req.more, statusOf(p), err,
				time.Since(begin)}
			explain(t, strings.Join(row.pieces, ""), row.why, row.want, got)
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
	err = send(pipe{ours}, res, make([]byte, 512))
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
	{"one that takes nothing", 10, 0, 0, os.ErrDeadlineExceeded},
	{"one that stops", 10, time.Second, 20, os.ErrDeadlineExceeded},
	{"one that stops in the body", 100, time.Second, 5,
		os.ErrDeadlineExceeded},
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

func FuzzHeadLength(f *testing.F) {
	for _, row := range headLengths {
		f.Add([]byte(row.head + row.rest))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := headLength(data)
		head := string(data[:n])
		if n > 0 && !strings.HasSuffix(head, "\n\n") &&
			!strings.HasSuffix(head, "\n\r\n") {
			t.Errorf("head %q of %q does not end in an empty line", head, data)
		}
		// The bytes may arrive one by one, and others may follow.
		for i := range data[:min(len(data), 1000)] {
			want := n
			if i < n {
				want = 0
			}
			if got := headLength(data[:i]); got != want {
				t.Fatalf("headLength(%q) = %d, but with all of %q it is %d",
					data[:i], got, data, n)
			}
		}
		more := append(data[:len(data):len(data)], "\r\n\r\na\r\n\r\n"...)
		if got := headLength(more); n > 0 && got != n {
			t.Errorf("headLength(%q) = %d, but %d with more bytes after it",
				data, n, got)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	for _, row := range goodRequests {
		f.Add([]byte(row.head))
	}
	for _, row := range badRequests {
		f.Add([]byte(row.head))
	}
	for _, row := range targets {
		f.Add([]byte("GET " + row.target + " HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head := string(data[:headLength(data)])
		if head == "" {
			return // the server would wait for more
		}
		req, p := parseRequest(head)
		again, q := parseRequest(head)
		explain(t, head, "the same request is read the same way", req, again)
		explain(t, head, "and answered the same way", statusOf(p), statusOf(q))
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

// onlyDirs is a site that has only directories. It keeps the name that it was
// asked for.
type onlyDirs struct{ name string }

func (o *onlyDirs) Open(name string) (fs.File, error) {
	o.name = name
	return fstest.MapFS{"dir/file": nil}.Open("dir")
}

func FuzzFind(f *testing.F) {
	for _, row := range targets {
		f.Add(row.target)
	}
	for _, row := range choices {
		f.Add(row.target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		req := request{method: "GET", target: target}
		if !isVisible(target) || req.parseTarget() != nil {
			return // it gets no file
		}
		var site onlyDirs
		s := server{site: &site}
		res := s.choose(&req, nil)
		name := site.name
		if !fs.ValidPath(name) && (utf8.ValidString(name) ||
			!fs.ValidPath(strings.ToValidUTF8(name, "?"))) {
			t.Errorf("%q: the site was asked for %q", target, name)
		}
		if res.status != 301 {
			explain(t, target, "a / at the end means index.html, and that "+
				"is a directory here", 404, res.status)
			return
		}
		// A browser must come back to the same server and the same name.
		base := &url.URL{Scheme: "http", Host: "x", Path: "/a/b"}
		link, _, _ := strings.Cut(res.location, "?")
		to, err := base.Parse(link)
		if err != nil || to.Host != "x" || to.Path != "/"+name+"/" ||
			res.location != link+req.query || !isVisible(link) {
			t.Errorf("%q: Location %q leads to %v (error: %v), not to %q",
				target, res.location, to, err, name)
		}
	})
}
