package main

import (
	"os"
	"testing"
)

// TestLesson: a file of the site comes back whole, and what is missing is 404.
func TestLesson(t *testing.T) {
	t.Parallel()
	p := start(t)
	want, err := os.ReadFile("html/style.css")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.get(t, "/style.css"); got.status != 200 ||
		got.body != string(want) {
		t.Errorf("GET /style.css: expected the %d bytes of html/style.css, "+
			"but this came back:\n%v\nlikely cause: the server does not look "+
			"at the request target", len(want), got)
	}
	if got := p.get(t, "/missing.html"); got.status != 404 {
		t.Errorf("GET /missing.html: expected 404, but this came back:\n%v\n"+
			"likely cause: the server does not look whether the file is there",
			got)
	}
}
