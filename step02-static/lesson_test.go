package main

import (
	"os"
	"testing"
)

// TestLesson: a file of the site comes back whole, and what is missing is 404.
func TestLesson(t *testing.T) {
	p := start(t)
	// It has letters of more than one byte.
	want, err := os.ReadFile("html/index.html")
	if err != nil {
		t.Fatal(err)
	}
	got := p.get(t, "/index.html")
	if got.status != 200 || got.body != string(want) {
		t.Errorf("GET /index.html: expected the %d bytes of html/index.html, "+
			"but got: %v\nlikely cause: %s", len(want), got, cutOff(got, want,
			"the server does not look at the request target"))
	}
	if got := p.get(t, "/missing.html"); got.status != 404 {
		t.Errorf("GET /missing.html: expected 404, but got: %v\nlikely cause: "+
			"the status of a file that is missing is not 404 (Not Found)", got)
	}
}
