// Picture draws docs/img/lab.png, the picture of the README: what the lab shows
// for steps 2, 3, 4, 5 and 7, side by side and on one time axis, and what a crowd
// of silent clients does to each step. Run it in docs, on a Linux machine that
// has nothing else to do:
//
//	go run ./browser/picture
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"seven-servers/docs/browser"
)

// steps are the steps in the picture. Step 6 is missing: it looks like step 7.
var steps = []string{
	"step02-static", "step03-process", "step04-threads", "step05-coroutine",
	"step07-epoll",
}

// sharpness is how many pixels of the picture are one pixel of a page.
const sharpness = 1.5

// mostBytes is the limit for the picture: every reader of the README loads it.
const mostBytes = 200 << 10

func main() {
	root := flag.String("root", "..", "the `directory` of the repository")
	flag.Parse()
	path := filepath.Join(*root, "docs", "img", "lab.png")
	if err := draw(*root, path); err != nil {
		fmt.Fprintf(os.Stderr, "picture: %v\n", err)
		os.Exit(1)
	}
	fmt.Println("wrote", path)
}

// draw runs the lab on all steps and writes the picture to path.
func draw(root, path string) (err error) {
	programs, err := os.MkdirTemp("", "seven-servers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(programs)) }()
	if err := browser.Build(root, programs); err != nil {
		return err
	}
	chromium, err := browser.Find()
	if err != nil {
		return err
	}
	ctx, stop, err := browser.Launch(chromium)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	panels, err := runAll(ctx, programs)
	if err != nil {
		return err
	}
	crowds, err := runCrowds(ctx, programs)
	if err != nil {
		return err
	}
	big, err := compose(ctx, panels, crowds)
	if err != nil {
		return err
	}
	small, err := shrink(big)
	if err != nil {
		return err
	}
	if len(small) > mostBytes {
		return fmt.Errorf("the picture has %d bytes, more than %d; lower "+
			"sharpness", len(small), mostBytes)
	}
	return os.WriteFile(path, small, 0o644)
}

// panel is the part of the picture that shows one step.
type panel struct {
	Step    string
	Model   string // "gives each connection a thread"
	Summary string // the sentence that counts
	By      string // what the colours mean
	Chart   []byte // a PNG file
}

// runAll runs the lab on one step after the other, so that none takes time from
// another. The charts come last: until then, nobody knows the longest run.
func runAll(ctx context.Context, programs string) ([]panel, error) {
	var panels []panel
	var tabs []context.Context
	var longest float64 // ms
	for _, name := range steps {
		tab, closeTab, err := browser.Open(ctx)
		if err != nil {
			return nil, err
		}
		defer closeTab()
		p, err := run(tab, programs, name)
		if err != nil {
			return nil, err
		}
		end, err := chromedp.Run(tab, chromedp.Evaluate[float64](
			`Math.max(...answers.map((answer) => answer.ended))`))
		if err != nil {
			return nil, err
		}
		panels, tabs = append(panels, p), append(tabs, tab)
		longest = max(longest, end)
	}
	for i, tab := range tabs {
		chart, err := photograph(tab, longest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", panels[i].Step, err)
		}
		panels[i].Chart = chart
	}
	return panels, nil
}

// run runs the lab on one step, in light colours.
func run(tab context.Context, programs, name string) (panel, error) {
	s, err := browser.Start(programs, name, "-delay", "100ms")
	if err != nil {
		return panel{}, err
	}
	defer s.Stop()
	if err := light(tab); err != nil {
		return panel{}, err
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(580, 900,
		chromedp.EmulateScale(sharpness))); err != nil {
		return panel{}, err
	}
	lab, err := browser.RunLab(tab, s.URL+"/lab.html?n=24&auto")
	if err != nil {
		return panel{}, err
	}
	by, err := chromedp.Run(tab, chromedp.Evaluate[string](
		`document.getElementById("form").elements.by.value`))
	if err != nil {
		return panel{}, err
	}
	// The first sentence is "step04-threads gives each connection a thread."
	model, _, _ := strings.Cut(lab.Explanation, ".")
	return panel{
		Step:    name,
		Model:   strings.TrimPrefix(model, name+" "),
		Summary: lab.Summary,
		By:      by,
	}, nil
}

// light asks the page for its light colours.
func light(tab context.Context) error {
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: "light"},
			},
		})
	return err
}

// stretch makes the page draw its axis as if the run had taken as long as the
// longest one: then all charts have the same scale. The rows become thin, as
// they are in a long run: so five charts fit.
const stretch = `(() => {
	chart.classList.add("many");
	chart.style.setProperty("--height", ".62rem");
	chart.style.marginTop = 0;
	fixAxis(%f);
})()`

// photograph takes a picture of the chart.
func photograph(tab context.Context, span float64) ([]byte, error) {
	if err := chromedp.Do(tab, chromedp.Evaluate[chromedp.Void](
		fmt.Sprintf(stretch, span))); err != nil {
		return nil, err
	}
	return chromedp.Run(tab, chromedp.Screenshot(chromedp.CSS("#chart")))
}
