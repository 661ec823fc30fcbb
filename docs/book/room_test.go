package book

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// page is a book of one page, whose command starts two programs that run on.
const page = "# Page\n\n```console\n$ sleep 98765 & sleep 98765\n```\n\n" +
	"```console\n^C\n```\n\n```console terminal 2\n$ sleep 98765 &\n```\n"

// TestNothingIsLeft: what the commands start ends with them.
func TestNothingIsLeft(t *testing.T) {
	for _, share := range []bool{false, true} {
		b := &Book{Root: t.TempDir(), SharePort: share}
		b.Pages = []*Page{parsePage("docs/page.md", []byte(page))}
		findings, err := b.Scenes()[0].Run()
		if errors.Is(err, ErrSkip) {
			t.Logf("with share=%v: %v", share, err)
			continue
		}
		for _, f := range findings {
			t.Error(f)
		}
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); ; {
			out, err := exec.Command("ps", "-A", "-o", "args").Output()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(out), "sleep 98765") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("with share=%v, programs are left:\n%s", share, out)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestPortTaken: without a network of their own, the commands need port 8080.
func TestPortTaken(t *testing.T) {
	// If another program has the port, that is as good.
	if l, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil {
		defer l.Close()
	}
	b := &Book{Root: t.TempDir(), SharePort: true}
	b.Pages = []*Page{parsePage("docs/page.md", []byte(page))}
	if _, err := b.Scenes()[0].Run(); !errors.Is(err, ErrSkip) {
		t.Errorf("the error is %v, expected %v", err, ErrSkip)
	}
	entries, err := os.ReadDir(b.Root)
	if err != nil || len(entries) > 0 {
		t.Errorf("the repository is not as it was: %v, %v", entries, err)
	}
}
