// WRONG ON PURPOSE: the file server that everybody writes first. Chapter 2 of
// this book breaks it. Do not copy it, and let nobody else reach it: it gives
// away every file that it can read.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"strings"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:8081")
	if err != nil {
		log.Fatal(err)
	}
	name := asked
	if len(os.Args) > 1 && os.Args[1] == "fixed" {
		name = fixed
	}
	fmt.Println("naive: serving http://127.0.0.1:8081/")
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		serve(client, name)
	}
}

// serve answers one request. name finds out which file it wants.
func serve(client net.Conn, name func(request string) string) {
	buf := make([]byte, 1024)
	n, _ := client.Read(buf)
	page, err := os.ReadFile(name(string(buf[:n])))
	if err != nil {
		fmt.Fprint(client, "HTTP/1.1 400 NOT FOUND\r\n\r\nfile not found\n")
	} else {
		text := []rune(string(page)) // the characters of the page
		fmt.Fprintf(client, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
			len(text), string(text))
	}
	client.Close()
}

// fixed is the first version: the same page for everybody.
func fixed(string) string { return "./html/index.html" }

// asked is the second one: the page whose path stands in the first line.
func asked(request string) string {
	line, _, _ := strings.Cut(request, "\r\n")
	path := strings.Split(line, " ")[1]
	if path == "/" {
		path = "/index.html"
	}
	return "./html" + path
}
