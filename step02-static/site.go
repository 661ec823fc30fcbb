// This file finds what answers a request: a file of the built-in site or of
// -dir, a redirect, or a page that says what is wrong.

package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
)

// builtIn is the site that is served without -dir. It is part of the
// executable, so that the step runs from any directory.
//
//go:embed html
var builtIn embed.FS

// server is what is needed to answer a request.
type server struct {
	site  fs.FS
	delay time.Duration // how long each response takes to prepare
	quiet bool          // print only the first line and what failed
}

// prepare makes the response to a request. If something is wrong with the
// request itself, p says so.
func (s *server) prepare(req *request, p *problem) response {
	var res response
	took := s.work()
	if p == nil {
		res, p = s.find(req.path, req.query)
	}
	if p != nil {
		res = p.response()
	}
	res.work = took
	if res.left = res.length; req.method == "HEAD" {
		res.left = 0
	}
	return res
}

// work takes the time that -delay says, and stands for what other servers do
// for a response: draw a picture, or make a page. It is a sleep, and keeps the
// thread that serves, unless the Go runtime may give that to another goroutine.
func (s *server) work() (took time.Duration) {
	if s.delay == 0 {
		return 0
	}
	began := time.Now()
	time.Sleep(s.delay)
	return time.Since(began)
}

// find opens the file that a path names.
func (s *server) find(urlPath, query string) (response, *problem) {
	// Clean resolves every "..", and never to more than "/".
	name := path.Clean(urlPath)[1:]
	wantsIndex := name == "" || strings.HasSuffix(urlPath, "/")
	switch {
	case name == "":
		name = "index.html"
	case wantsIndex:
		name += "/index.html"
	}
	file, err := s.site.Open(name)
	if err != nil {
		return response{}, openProblem(err, wantsIndex)
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() {
		return response{status: 200, kind: contentType(name),
			length: info.Size(), body: file}, nil
	}
	// It was open for reading only: closing it can lose nothing.
	file.Close()
	if err == nil && info.IsDir() && !wantsIndex {
		return redirect(name, query), nil
	}
	return response{}, openProblem(err, wantsIndex)
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

// builtInSite is the site that is part of the executable.
type builtInSite struct{}

// Open opens a page of the site.
func (builtInSite) Open(name string) (fs.File, error) {
	return builtIn.Open("html/" + name)
}

// From here on: directories on disk, and what can be wrong with them. Skip it
// on a first reading.

// directory is a site on disk. os.Root follows neither ".." nor a symbolic
// link out of it.
type directory struct{ root *os.Root }

// openDirectory opens the directory that -dir names, or ends the program.
func openDirectory(name string) directory {
	// To open anything else could wait for ever: a named pipe, for example.
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	var root *os.Root
	if err == nil {
		root, err = os.OpenRoot(name)
	}
	if err != nil {
		fatal("cannot serve %s: %v; -dir takes a directory", name, err)
	}
	return directory{root}
}

// Open opens a file of the site. A named pipe would hold the server until
// somebody writes to it: O_NONBLOCK prevents that. It does not help with files.
// To open or read one can mean to wait for the disk, in every step: a file
// always counts as ready, so epoll, too, could say nothing about it.
func (d directory) Open(name string) (fs.File, error) {
	return d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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

// openProblem says what it means to the client that a file did not open, or,
// if err is nil, is no file. wantsIndex: the client has named a directory.
func openProblem(err error, wantsIndex bool) *problem {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &problem{403, "The server may not read this file."}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return &problem{503, "The server has too many files open."}
	case wantsIndex:
		return &problem{404, "There is no index.html in this directory."}
	}
	// Too long, or below a file, or a link out of the site: for the client,
	// none of these is there.
	return &problem{404, "There is no such file."}
}
