package browser

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestSize checks that the site stays small: learners read its source, and
// every step embeds it.
func TestSize(t *testing.T) {
	for _, name := range Steps {
		dir := filepath.Join(root, name, "html")
		index, err := os.Stat(filepath.Join(dir, "index.html"))
		if err != nil {
			t.Fatal(err)
		}
		if index.Size() > 4<<10 {
			t.Errorf("%s/index.html has %d bytes; at most 4 KiB",
				dir, index.Size())
		}
		if total := size(t, dir); total > 100<<10 {
			t.Errorf("%s has %d bytes; at most 100 KiB", dir, total)
		}
	}
}

// size adds up the files below a directory.
func size(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(
		_ string, entry fs.DirEntry, err error,
	) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}
