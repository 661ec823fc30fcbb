// Package browser drives a headless Chromium against the steps that serve a
// site. Its tests check what the lab page counts; the program in the directory
// picture draws the picture of the README.
//
// The tests run the steps as they are, each as a program of its own.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// tabLimit is how long one visit to a page may take in all.
const tabLimit = 45 * time.Second

// Find returns the path of Chromium: $CHROMIUM, or the first of the usual
// names in PATH.
func Find() (string, error) {
	if name := os.Getenv("CHROMIUM"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("$CHROMIUM names no program: %w", err)
		}
		return path, nil
	}
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no chromium, chromium-browser or google-chrome " +
		"in PATH; install one, or set CHROMIUM to its path")
}

// Launch starts the browser at path. The context is for Open; the function
// ends the browser.
func Launch(path string) (context.Context, func() error, error) {
	// chromedp gives the browser an empty profile, and removes it at the end
	// together with what the browser's children still write into it.
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.Headless,
		chromedp.NoFirstRun,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		// A tab is never in front here. It must not be slowed down for that.
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		// The browser shall ask nobody but the step.
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	}
	if os.Getuid() == 0 {
		// Chromium refuses to run as root inside its sandbox. Containers often
		// have no other user; the pages here are our own.
		flags = append(flags, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		stop()
		return nil, nil, fmt.Errorf("cannot start %s: %w", path, err)
	}
	return ctx, func() error {
		defer stop()
		defer cancel()
		return chromedp.Cancel(ctx)
	}, nil
}

// Open opens a tab that shares nothing with other tabs: no cache and no
// connections. The function closes it.
func Open(browser context.Context) (context.Context, func(), error) {
	tab, closeTab := chromedp.NewContext(browser,
		chromedp.WithNewBrowserContext())
	// Without a deadline: the tab lives as long as the context of its first
	// action.
	if err := chromedp.Do(tab); err != nil {
		closeTab()
		return nil, nil, fmt.Errorf("cannot open a tab: %w", err)
	}
	limited, cancel := context.WithTimeout(tab, tabLimit)
	return limited, func() {
		cancel()
		closeTab()
	}, nil
}

// Wait waits until a JavaScript expression is true in the page.
func Wait(tab context.Context, expression string) error {
	// Not "raf", the usual way: a tab that nobody sees need not draw.
	_, err := chromedp.Run(tab, chromedp.Poll[bool](expression,
		chromedp.WithPollingInterval(20*time.Millisecond),
		chromedp.WithPollingTimeout(30*time.Second)))
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", expression, err)
	}
	return nil
}
