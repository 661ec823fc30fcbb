package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// counted is a site that counts how often a file is opened.
type counted struct {
	directory
	opened int
}

func (c *counted) Open(name string) (fs.File, error) {
	c.opened++
	return c.directory.Open(name)
}

// newCounted is a site with a file "a" that has not changed for an hour.
func newCounted(t *testing.T, content string) (site *counted, name string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	name = filepath.Join(dir, "a")
	writeOld(t, name, content)
	return &counted{directory: directory{root}}, name
}

// writeOld writes a file and dates it back by an hour.
func writeOld(t *testing.T, name, content string) {
	t.Helper()
	writeFile(t, name, content)
	hourAgo := time.Now().Add(-time.Hour).Truncate(time.Hour)
	if err := os.Chtimes(name, hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
}

// contentOf opens "a" and reads it, or returns the error.
func contentOf(site fs.FS) string {
	content, err := fs.ReadFile(site, "a")
	if err != nil {
		return "error"
	}
	return string(content)
}

func TestCache(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(t *testing.T, name string)
		want   string
		opened int
	}{
		{"an unchanged file is opened once",
			func(*testing.T, string) {}, "one", 1},
		{"another length", func(t *testing.T, name string) {
			writeOld(t, name, "three")
		}, "three", 2},
		{"another time", func(t *testing.T, name string) {
			writeFile(t, name, "two")
		}, "two", 2},
		{"another file of the same length and time",
			func(t *testing.T, name string) {
				writeOld(t, name+"2", "two")
				if err := os.Rename(name+"2", name); err != nil {
					t.Fatal(err)
				}
			}, "two", 2},
		{"no file any more", func(t *testing.T, name string) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}, "error", 2},
	} {
		site, name := newCounted(t, "one")
		c := &cache{site: site}
		got := []string{contentOf(c)}
		row.change(t, name)
		got = append(got, contentOf(c))
		want := []string{"one", row.want}
		diff := cmp.Diff(want, got)
		if diff != "" || site.opened != row.opened {
			t.Errorf("%s: opened %d times, expected %d\ncontents (-want +got):"+
				"\n%s", row.why, site.opened, row.opened, diff)
		}
	}
}

// TestCacheLeavesOut: these files are opened each time.
func TestCacheLeavesOut(t *testing.T) {
	large := strings.Repeat("a", maxChunk+1)
	site, name := newCounted(t, large)
	c := &cache{site: site}
	for n := 1; n <= 2; n++ {
		if contentOf(c) != large || site.opened != n {
			t.Errorf("read %d times, a large file was opened %d times", n,
				site.opened)
		}
	}
	// It may change again within the same tick of the clock of the disk.
	writeFile(t, name, "new")
	for n := 1; n <= 2; n++ {
		if got := contentOf(c); got != "new" || site.opened != 2+n {
			t.Errorf("read %d times, a new file was opened %d times and is %q",
				n, site.opened-2, got)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	site, _ := newCounted(t, "one")
	c := &cache{site: site}
	file := cachedFile{content: make([]byte, maxChunk)}
	for i := range 3 * maxCache / maxChunk {
		c.keep(strings.Repeat("a", i), file)
		sum := 0
		for _, f := range c.files {
			sum += len(f.content)
		}
		if sum > maxCache || sum != c.size {
			t.Fatalf("after %d files, %d bytes are kept, %d counted; at most "+
				"%d may be", i+1, sum, c.size, maxCache)
		}
	}
}

// TestCacheReadsTwice: each opened file is read from its start.
func TestCacheReadsTwice(t *testing.T) {
	site, _ := newCounted(t, "one")
	c := &cache{site: site}
	first, err := c.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := io.ReadAll(first); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(c); got != "one" {
		t.Errorf("read for the second time, the file is %q", got)
	}
}
