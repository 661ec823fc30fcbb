// This file tests site.go: which file, or which page, answers a request.
//
// Fuzz it: go test -fuzz FuzzFind -fuzztime 60s, in this directory

package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

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

func TestPrepare(t *testing.T) {
	s := server{site: newSite(t)}
	for _, row := range choices {
		for _, method := range []string{"GET", "HEAD"} {
			req := request{method: method, target: row.target}
			res := s.prepare(&req, req.parseTarget())
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
			explain(t, row.target, row.why, row.want, answerOf(&res, body),
				cmp.AllowUnexported(answer{}))
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
func TestPrepareNamedPipe(t *testing.T) {
	s := server{site: newSite(t)}
	done := make(chan answer, 1)
	go func() {
		res := s.prepare(&request{method: "GET", path: "/pipe.txt"}, nil)
		defer res.body.Close()
		done <- answerOf(&res, nil)
	}()
	select {
	case got := <-done:
		explain(t, "/pipe.txt", "only regular files are served", none, got,
			cmp.AllowUnexported(answer{}))
	case <-time.After(10 * time.Second):
		t.Fatal("GET of a named pipe never ends; open it with O_NONBLOCK")
	}
}

// A problem becomes a page that says what is wrong.
func TestPrepareProblem(t *testing.T) {
	s := server{site: fstest.MapFS{}}
	for status, phrase := range phrases {
		p := problem{status, "This is the reason."}
		res := s.prepare(&request{method: "GET"}, &p)
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
		p := openProblem(&fs.PathError{Op: "open", Path: "a", Err: row.err},
			false)
		explain(t, row.err.Error(), row.why, row.want, statusOf(p))
	}
}

// Who opens a directory is told what is missing there.
func TestOpenProblemIndex(t *testing.T) {
	p := openProblem(fs.ErrNotExist, true)
	explain(t, "/dir/", "it is a directory", 404, statusOf(p))
	if !strings.Contains(p.reason, "index.html") {
		t.Errorf("the page for a directory without index.html says %q: "+
			"nobody learns from it which file is missing", p.reason)
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
		res := s.prepare(&req, nil)
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
