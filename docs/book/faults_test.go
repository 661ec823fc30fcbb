package book

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false,
	"write into testdata what the checks find; read it before you believe it")

// TestFaults shows each check something bad. Each file of testdata holds a
// repository with a book; "want" has all that the checks must find in it, and
// "repaired/…" is what the repair must make of a page. The first line of a file
// says what it is about. The second one may name what the rules demand: words,
// questions, coverage. The other files demand none of these.
func TestFaults(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files in testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"),
			func(t *testing.T) {
				t.Parallel()
				testFaults(t, file)
			})
	}
}

// testFaults checks the repository in one file.
func testFaults(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	unpack(t, archive, root)
	b := openFaults(t, root, string(archive.Comment))
	findings := sortFindings(checkAll(t, b))
	var got []string
	for _, f := range findings {
		got = append(got, f.String()+"\n")
	}
	compareFile(t, archive, "want", strings.Join(got, "\n"))
	if _, err := b.Repair(findings); err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Pages {
		content, err := os.ReadFile(filepath.Join(root, p.Path))
		if err != nil {
			t.Fatal(err)
		}
		if string(content) != string(p.Source) {
			compareFile(t, archive, "repaired/"+p.Path, string(content))
		}
	}
	if *update {
		err := os.WriteFile(file, txtar.Format(archive), 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// unpack writes the files of a repository.
func unpack(t *testing.T, archive *txtar.Archive, root string) {
	t.Helper()
	for _, f := range archive.Files {
		if f.Name == "want" || strings.HasPrefix(f.Name, "repaired/") {
			continue
		}
		name := filepath.Join(root, f.Name)
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil {
			err = os.WriteFile(name, f.Data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// openFaults opens a book, with the rules that a comment demands.
func openFaults(t *testing.T, root, comment string) *Book {
	t.Helper()
	b, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	_, comment, _ = strings.Cut(comment, "demand:")
	if !strings.Contains(comment, "words") {
		b.Rules.FewestWords = 0
	}
	if !strings.Contains(comment, "questions") {
		b.Rules.FewestQuestions = 0
	}
	b.Rules.Uncovered = !strings.Contains(comment, "coverage")
	return b
}

// compareFile compares with a file of the archive, or writes it there.
func compareFile(t *testing.T, archive *txtar.Archive, name, got string) {
	t.Helper()
	for i, f := range archive.Files {
		if f.Name != name {
			continue
		}
		if *update {
			archive.Files[i].Data = []byte(got)
		} else if diff := cmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("%s (- expected, + found):\n%s", name, diff)
		}
		return
	}
	if !*update {
		t.Errorf("there is no %s for:\n%s", name, got)
		return
	}
	archive.Files = append(archive.Files, txtar.File{Name: name,
		Data: []byte(got)})
}
