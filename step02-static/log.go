// This file is what the server says: the first line, a line per request, one
// per connection that did not end well, and what failed.

package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// announce tells where to point the browser.
func (s *server) announce(addr string) {
	fmt.Printf("%s: serving http://%s/ (pid %d; Ctrl-C to stop)\n", step, addr,
		os.Getpid())
	if _, err := fs.Stat(s.site, "index.html"); err != nil {
		warn("there is no index.html, so / is 404: %v", err)
	}
}

// logRequest prints who answered what. If nobody reads the log (Ctrl-S stops
// a terminal), Printf waits, and so does the server.
func (s *server) logRequest(req *request, res *response) {
	if s.quiet {
		return
	}
	what := "-" // when not even the first line was understood
	if req.method != "" {
		what = req.method + " " + req.target
	}
	fmt.Printf("conn %d request %d  %s  %s  %d  %d bytes\n", res.connNo,
		res.reqNo, strings.Replace(res.who, ";", "", 1), what, res.status,
		res.left)
}

// logEnd prints why a connection did not end well.
func (s *server) logEnd(who string, connNo int, why error) {
	if !s.quiet {
		fmt.Printf("conn %d  %s  ended: %v\n", connNo,
			strings.Replace(who, ";", "", 1), why)
	}
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

// warn prints one line that says what failed.
func warn(format string, args ...any) {
	fmt.Fprintf(os.Stderr, step+": "+format+"\n", args...)
}

// fatal ends the program with one line that says what failed.
func fatal(format string, args ...any) {
	warn(format, args...)
	os.Exit(1)
}

func init() {
	// To write where nobody reads any more sends SIGPIPE, which ends a program.
	// For sockets, Go turns it into the error EPIPE. For the log it must be
	// told: a closed log (| head -1) is no reason to serve nobody.
	signal.Ignore(syscall.SIGPIPE)
}
