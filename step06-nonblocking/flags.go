// This file reads the command line.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// parseFlags returns the address to listen on and a server with its site. On
// a command line that makes no sense, it ends the program.
func parseFlags() (addr string, s *server) {
	s = &server{site: builtInSite{}}
	flags := flag.NewFlagSet(step, flag.ContinueOnError)
	flags.StringVar(&addr, "addr", "127.0.0.1:8080",
		"listen on this `host:port`; port 0 picks a free one")
	dir := flags.String("dir", "",
		"serve this `directory` instead of the built-in pages")
	flags.Func("delay", "take this `time` to prepare each response, such as "+
		"200ms or 1s", s.setDelay)
	flags.BoolVar(&s.quiet, "quiet", false,
		"print only the first line and what failed")
	parseArgs(flags)
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		fatal("-addr %q is not of the form host:port", addr)
	}
	// For the first sleep of a program, the Go runtime opens descriptors. If
	// clients have used up all by then, the program crashes. So sleep now.
	time.Sleep(time.Nanosecond)

	if *dir != "" {
		s.site = openDirectory(*dir)
	}
	return addr, s
}

// setDelay reads the value of -delay.
func (s *server) setDelay(value string) (err error) {
	if s.delay, err = time.ParseDuration(value); err != nil {
		return errors.New("a time needs a unit, such as 100ms")
	}
	if s.delay < 0 {
		return errors.New("a time must be 0 or more")
	}
	return nil
}

// parseArgs reads the command line into flags. Left to itself, package flag
// would print all its help at each mistake: one line is enough.
func parseArgs(flags *flag.FlagSet) {
	flags.SetOutput(io.Discard)
	err := flags.Parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		fmt.Printf("Usage of %s:\n", step)
		flags.PrintDefaults()
		os.Exit(0)
	case err != nil:
		fatal("%v; see -h for the flags", err)
	case flags.NArg() > 0:
		fatal("unexpected argument %q; see -h for the flags", flags.Arg(0))
	}
}
