// WRONG ON PURPOSE: the smallest server that everybody writes first. Chapter 1
// of this book breaks it. Do not copy it: it listens on every network that the
// machine is on.
package main

import (
	"fmt"
	"log"
	"net"
	"strings"
)

func main() {
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("naive: serving http://127.0.0.1:8080/")
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		buf := make([]byte, 1024)
		n, _ := client.Read(buf)
		words := strings.Fields(string(buf[:n]))
		method, target := words[0], words[1]
		fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n"+
			strings.Repeat("<h1>hello world</h1>\n", 20_000))
		client.Close()
		fmt.Println("answered", method, target)
	}
}
