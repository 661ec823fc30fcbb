package book

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestSample: a chapter of each kind of label, against the real steps. It is
// repaired first, so that a change in a step needs no change here.
func TestSample(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	symlinks(t, root, "../../step*", "../../go.*")
	if err := os.CopyFS(filepath.Join(root, "docs"),
		os.DirFS("testdata/sample")); err != nil {
		t.Fatal(err)
	}
	b := openSample(t, root)
	for _, s := range b.Scenes() {
		if missing := s.Missing(); missing != nil && os.Getenv("CI") == "" {
			t.Skipf("there is no %v; install it", missing)
		}
	}
	rest, err := b.Repair(checkAll(t, b))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rest {
		t.Errorf("not to be repaired: %v", f)
	}
	b = openSample(t, root)
	for _, f := range checkAll(t, b) {
		t.Errorf("after the repair: %v", f)
	}
	for _, p := range b.Pages {
		t.Logf("%s after the repair:\n%s", p.Path, p.Source)
	}
}

// openSample opens a book of chapters that are much too short, and show little
// of the steps.
func openSample(t *testing.T, root string) *Book {
	t.Helper()
	b, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	b.Rules.FewestWords = 1
	b.Rules.WholeDiff = nil
	b.Rules.Uncovered = true
	return b
}

// checkAll returns the findings of all checks.
func checkAll(t *testing.T, b *Book) []Finding {
	t.Helper()
	findings := b.Check()
	more, err := b.CheckMermaid()
	if errors.Is(err, ErrSkip) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	findings = append(findings, more...)
	for _, s := range b.Scenes() {
		more, err := s.Run()
		findings = append(findings, more...)
		if err != nil {
			findings = append(findings, Finding{Path: s.Page,
				What: err.Error()})
		}
	}
	return findings
}

// symlinks puts links to files into a directory.
func symlinks(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name, err := filepath.Abs(name)
			if err == nil {
				err = os.Symlink(name, filepath.Join(dir, filepath.Base(name)))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
