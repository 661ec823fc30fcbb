//go:build !linux

package main

// step is the name of this program in messages and in the Server field.
const step = "step07-epoll"

func main() {
	fatal("epoll is a system call of Linux: run this step there, or run " +
		"./step06-nonblocking here")
}
