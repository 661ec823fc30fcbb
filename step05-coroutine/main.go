// Step 5
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

const step = "step05-coroutine"

func main() {
	addr, s := parseFlags()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		fatal("cannot listen on %s: %v; choose another address with -addr",
			addr, err)
	}
	announce(listener.Addr().String())

	for id := 1; ; id++ {
		c, err := listener.Accept()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: accept: %v; waiting\n", step, err)
			time.Sleep(250*time.Millisecond)
			continue
		}
		go s.serve(c.(*net.TCPConn), id)
	}
}
