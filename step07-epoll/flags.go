// This file reads the command line, the same in every step from here on.

package main

import (
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// builtIn is the site that is served without -dir. It is part of the
// executable, so that the step runs from any directory.
//
//go:embed html
var builtIn embed.FS

// parseFlags returns the address to listen on and a server with its site.
func parseFlags() (addr string, s *server) {
	s = &server{}
	flag.StringVar(&addr, "addr", "127.0.0.1:8080",
		"listen on this `host:port`; port 0 picks a free one")
	dir := flag.String("dir", "",
		"serve this `directory` instead of the built-in pages")
	flag.DurationVar(&s.delay, "delay", 0,
		"take this long to prepare each response, such as 200ms or 1s")
	flag.BoolVar(&s.quiet, "quiet", false, "print no line per request")
	flag.Parse()
	if flag.NArg() > 0 {
		fatal("unexpected argument %q; see -h for the flags", flag.Arg(0))
	}
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		fatal("-addr %q is not of the form host:port", addr)
	}
	if s.delay < 0 {
		fatal("-delay %v is negative; it must be 0 or more", s.delay)
	}
	// For the first sleep of a program, the Go runtime opens descriptors. If
	// clients have used up all by then, the program crashes. So sleep now.
	time.Sleep(time.Nanosecond)
	s.site = builtInSite{}
	if *dir != "" {
		s.site = openDirectory(*dir)
	}
	return addr, s
}

// announce tells where to point the browser.
func announce(addr string) {
	fmt.Printf("%s: serving http://%s/ (Ctrl-C to stop)\n", step, addr)
}

// warn prints one line that says what failed.
func warn(format string, args ...any) {
	fmt.Fprintf(os.Stderr, step+": "+format+"\n", args...)
}

// fatal ends the program with one line that says what failed.
func fatal(format string, args ...any) {
	warn(format, args...)
	os.Exit(1)
}

// builtInSite is the site that is part of the executable.
type builtInSite struct{}

// Open opens a page of the site.
func (builtInSite) Open(name string) (fs.File, error) {
	return builtIn.Open("html/" + name)
}

// directory is a site on disk. os.Root follows neither ".." nor a symbolic
// link out of it.
type directory struct{ *os.Root }

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

// Open opens a file of the site. It does not wait: a named pipe would hold the
// server until somebody writes to it.
func (d directory) Open(name string) (fs.File, error) {
	return d.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
