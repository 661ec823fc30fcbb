package book

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/chromedp/chromedp"

	"seven-servers/docs/browser"
)

// Mermaid is drawn by GitHub itself. Here it is only parsed, by the same
// library, in the browser that tests the lab. Its package has one file for a
// browser; npm gets it.
const (
	mermaidVersion = "12.3.0"
	mermaidFile    = "package/dist/mermaid.min.js"
	// mermaidSum is the SHA-512 of the package, as npm itself notes it.
	mermaidSum = "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+" +
		"65PRN6yZ69J4f8rVYWW8zRk65UYw=="
)

// CheckMermaid parses all diagrams of the pages. An error that is ErrSkip says
// what this machine lacks.
func (b *Book) CheckMermaid() ([]Finding, error) {
	var fences []*Fence
	for _, p := range b.Pages {
		for _, f := range p.Fences {
			if p.inBook() && f.label.lang == "mermaid" {
				fences = append(fences, f)
			}
		}
	}
	if len(fences) == 0 {
		return nil, nil
	}
	script, err := mermaidScript()
	if err != nil {
		return nil, fmt.Errorf("%w: no mermaid: %w", ErrSkip, err)
	}
	path, err := browser.Find()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSkip, err)
	}
	ctx, stop, err := browser.Launch(path)
	if err != nil {
		return nil, err
	}
	// The answers are there: nothing is lost if the browser ends badly.
	defer func() { _ = stop() }()
	return parseMermaid(ctx, script, fences)
}

// parseMermaid asks mermaid about each diagram.
func parseMermaid(ctx context.Context, script string, fences []*Fence,
) ([]Finding, error) {
	tab, closeTab, err := browser.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer closeTab()
	if err := loadMermaid(tab, script); err != nil {
		return nil, err
	}
	var findings []Finding
	for _, f := range fences {
		answer, err := askMermaid(tab, f.Text)
		if err != nil {
			return nil, err
		}
		if answer != "fine" {
			findings = append(findings, f.finding("mermaid cannot read this "+
				"diagram: "+answer, "correct it; https://mermaid.js.org/ "+
				"tells how diagrams are written"))
		}
	}
	return findings, nil
}

// askMermaid returns "fine", or what is wrong with a diagram.
func askMermaid(tab context.Context, diagram string) (string, error) {
	text, err := json.Marshal(diagram)
	if err != nil {
		return "", err
	}
	_, err = chromedp.Run(tab, chromedp.Evaluate[string](
		"window.answer = null; mermaid.parse("+string(text)+").then("+
			"() => answer = 'fine', e => answer = String(e)); 'asked'"))
	if err == nil {
		err = browser.Wait(tab, "answer !== null")
	}
	if err != nil {
		return "", err
	}
	return chromedp.Run(tab, chromedp.Evaluate[string]("answer"))
}

// loadMermaid opens a page with mermaid in it.
func loadMermaid(tab context.Context, script string) error {
	dir, err := os.MkdirTemp("", "mermaid")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	page := filepath.Join(dir, "page.html")
	src := url.URL{Scheme: "file", Path: script}
	content := `<!doctype html><meta charset="utf-8"><script src="` +
		src.String() + `"></script>`
	if err := os.WriteFile(page, []byte(content), 0o644); err != nil {
		return err
	}
	at := url.URL{Scheme: "file", Path: page}
	if err := chromedp.Do(tab, chromedp.Navigate(at.String())); err != nil {
		return err
	}
	return browser.Wait(tab, "typeof mermaid === 'object'")
}

// mermaidScript returns the path of mermaid. The first time, it downloads it.
func mermaidScript() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "seven-servers",
		"mermaid-"+mermaidVersion+".min.js")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	script, err := downloadMermaid()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	// Under another name first: another test may look at the same time.
	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(part, script, 0o644); err != nil {
		return "", err
	}
	return path, os.Rename(part, path)
}

// downloadMermaid lets npm get the package, and takes the file out of it.
func downloadMermaid() ([]byte, error) {
	dir, err := os.MkdirTemp("", "mermaid")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("npm", "pack", "--silent", "mermaid@"+mermaidVersion)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	name := "mermaid-" + mermaidVersion + ".tgz"
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(content)
	if base64.StdEncoding.EncodeToString(sum[:]) != mermaidSum {
		return nil, fmt.Errorf("%s is not the package that it was", name)
	}
	return unpackMermaid(content)
}

// unpackMermaid takes the file for a browser out of the package.
func unpackMermaid(content []byte) ([]byte, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	files := tar.NewReader(zipped)
	for {
		head, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("no %s in mermaid %s: %w", mermaidFile,
				mermaidVersion, err)
		}
		if head.Name == mermaidFile {
			return io.ReadAll(files)
		}
	}
}
