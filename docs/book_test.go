package docs

import (
	"errors"
	"flag"
	"os"
	"sync"
	"testing"

	"seven-servers/docs/book"
)

// update makes TestBook write into the pages what a machine can know.
var update = flag.Bool("update", false, "rewrite the listings, diffs, outputs "+
	"and numbers of the book")

// TestBook checks the book against the steps. The rules for those who write
// are in book/README.md.
func TestBook(t *testing.T) {
	b, err := book.Open("..")
	if err != nil {
		t.Fatal(err)
	}
	r := &report{}
	t.Run("pages", func(t *testing.T) { r.add(t, b.Check(), nil) })
	t.Run("mermaid", func(t *testing.T) {
		findings, err := b.CheckMermaid()
		r.add(t, findings, err)
	})
	t.Run("console", func(t *testing.T) {
		for _, scene := range b.Scenes() {
			t.Run(scene.Page+"/"+scene.Name, func(t *testing.T) {
				t.Parallel()
				findings, err := scene.Run()
				r.add(t, findings, err)
			})
		}
	})
	if !*update {
		return
	}
	if _, err := b.Repair(r.findings); err != nil {
		t.Fatal(err)
	}
}

// report collects the findings that -update repairs at the end.
type report struct {
	mu       sync.Mutex
	findings []book.Finding
}

// add reports findings. With -update, those that a machine can repair are no
// failures.
func (r *report) add(t *testing.T, findings []book.Finding, err error) {
	t.Helper()
	switch {
	case errors.Is(err, book.ErrSkip) && os.Getenv("CI") == "":
		t.Skip(err)
	case err != nil:
		t.Error(err)
	}
	for _, f := range findings {
		if *update && f.Fix != nil {
			t.Logf("repaired: %v", f)
			continue
		}
		t.Error(f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = append(r.findings, findings...)
}
