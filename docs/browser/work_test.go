package browser

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// checkTimes checks the times in the table when the step was started with a
// delay of so many milliseconds: the work is at least as long, and the parts of
// a request make up the whole.
func (v *visit) checkTimes(lab Lab, delay float64) {
	v.Helper()
	for _, row := range lab.Rows {
		var times [4]float64
		for i, text := range []string{
			row.Sent, row.Waited, row.Work, row.Ended,
		} {
			var err error
			if times[i], err = strconv.ParseFloat(text, 64); err != nil {
				v.fail(fmt.Sprintf("tile %s has the time %q", row.Tile, text),
					"a number", "the step sends no Server-Timing, although "+
						"it was started with -delay; or parseWork in server.js")
				return
			}
		}
		sent, waited, work, ended := times[0], times[1], times[2], times[3]
		got := fmt.Sprintf("tile %s was sent at %v, waited %v, was worked on "+
			"for %v and ended at %v", row.Tile, sent, waited, work, ended)
		// The numbers are rounded to tenths.
		if work < delay-0.1 {
			v.fail(got, fmt.Sprintf("%v ms of work or more", delay),
				"Server-Timing does not count all of the delay")
		}
		// The clock of the browser may be a little late for the last part.
		if sum := sent + waited + work; waited < 0 ||
			math.Abs(sum-ended) > 0.3 && sum < ended {
			v.fail(got, "that the parts make up the whole",
				"load in lab.js")
		}
	}
}

// shapes are what the lab must say of work and waiting.
var shapes = []struct {
	step string
	want []string
}{
	{"step02-static", []string{"on one after the other", "stairs",
		"A request waited up to"}},
	{"step04-threads", []string{"at the same time", "blocks"}},
	{"step06-nonblocking", []string{"on one after the other", "take turns",
		"Non-blocking sockets save a server from waiting for its clients"}},
	{"step07-epoll", []string{"on one after the other", "take turns",
		"Epoll saves a server from waiting for its clients, not from work"}},
}

// TestWork checks that the lab tells work from waiting.
func TestWork(t *testing.T) {
	b := newBench(t)
	for _, shape := range shapes {
		t.Run(shape.step, func(t *testing.T) {
			s := b.start(t, shape.step, "-delay", "100ms")
			v := b.visit(t, s, "/lab.html?n=12&auto")
			v.load()
			lab := v.endOfRun()
			for _, want := range shape.want {
				if !strings.Contains(lab.Explanation, want) {
					v.fail(lab.Explanation, "the words "+strconv.Quote(want),
						"describeTimes in lab.js, or the step does not work "+
							"on responses as its chapter says")
				}
			}
			v.checkTimes(lab, 100)
			v.checkParts(12, 12)
		})
	}
	t.Run("without -delay", func(t *testing.T) {
		s := b.start(t, "step04-threads")
		v := b.visit(t, s, "/lab.html?n=12&auto")
		v.load()
		lab := v.endOfRun()
		v.checkParts(12, 0)
		if !strings.Contains(lab.Explanation, "came so fast") {
			v.fail(lab.Explanation, "that the responses came so fast",
				"describeWaits in lab.js")
		}
	})
}

// checkParts counts the bars, and those that show work. The key and the table
// must fit.
func (v *visit) checkParts(sent, work int) {
	v.Helper()
	got := evaluate[string](v, `["#rows .sent", "#rows .work"].map((part) =>
		document.querySelectorAll(part).length).join(" bars, ") + " of work"`)
	want := fmt.Sprintf("%d bars, %d of work", sent, work)
	if got != want {
		v.fail("draws "+got, want, "bars in draw.js, or the step: it sends "+
			"Server-Timing with -delay, and only then")
	}
	// The work is the last part of a bar: no part of it sticks out.
	outside := evaluate[int](v, `[...document.querySelectorAll("#rows .work")].
		filter((work) => {
			const part = work.getBoundingClientRect();
			const all = work.previousSibling.getBoundingClientRect();
			return part.left < all.left - 0.5 || part.right > all.right + 2;
		}).length`)
	if outside != 0 {
		v.fail(fmt.Sprintf("%d parts for work stick out of their bars", outside),
			"work within the time of the request", "load in lab.js")
	}
	v.do(chromedp.Click(chromedp.CSS("details summary")))
	shown := evaluate[int](v, `[...document.querySelectorAll(
		".key .with-work, th.with-work")].filter(
		(part) => part.checkVisibility()).length`)
	all := evaluate[int](v, `document.querySelectorAll(
		".key .with-work, th.with-work").length`)
	if wanted := map[bool]int{true: all}[work > 0]; shown != wanted {
		v.fail(fmt.Sprintf("%d parts of key and table are for work", shown),
			strconv.Itoa(wanted), "the class knows-work, in draw.js and lab.css")
	}
}

// TestCompare: the page keeps the newest run of each step, and the time axis,
// while one step after the other serves at the same address.
func TestCompare(t *testing.T) {
	b := newBench(t)
	first := b.start(t, "step02-static", "-delay", "50ms")
	v := b.visit(t, first, "/lab.html?n=12&auto")
	v.load()
	before := v.endOfRun()
	v.checkRuns("step02-static")
	v.do(chromedp.Click(chromedp.CSS("#fixed")))
	fixed := duration.FindStringSubmatch(before.Summary)[1]
	address, err := url.Parse(evaluate[string](v, `location.href`))
	if err != nil || address.Query().Get("axis") != fixed {
		v.fail("has the address "+address.String(), "axis="+fixed+" in it",
			"fixAxis or writeAddress in lab.js")
	}
	first.Stop()

	v.step = b.start(t, "step04-threads", "-delay", "50ms",
		"-addr", address.Host)
	v.do(chromedp.Reload())
	// Before the new run, the old one is there.
	v.wait(`document.getElementById("who").textContent.includes("step04")`)
	v.checkRuns("step02-static")
	after := v.endOfRun()
	v.checkRuns("step02-static", "step04-threads")
	span := evaluate[float64](v,
		`Number(document.getElementById("chart").style.getPropertyValue("--span"))`)
	if want, _ := strconv.ParseFloat(fixed, 64); span < want {
		v.fail(fmt.Sprintf("%s, on an axis of %v ms", after.Summary, span),
			"an axis as long as the run of step 2, "+fixed+" ms",
			"the address loses axis, or drawAxis in draw.js")
	}

	v.do(chromedp.Click(chromedp.CSS("#forget")))
	v.checkRuns()
}

// checkRuns checks which steps have a kept run, in order.
func (v *visit) checkRuns(steps ...string) {
	v.Helper()
	got := evaluate[string](v, `[...document.querySelectorAll("#runs .run code")].
		map((name) => name.textContent).join()`)
	want := strings.Join(steps, ",")
	if got != want {
		v.fail(fmt.Sprintf("compares %q", got), strconv.Quote(want),
			"remember or readRuns in draw.js; or the browser keeps nothing")
	}
	shown := evaluate[bool](v,
		`document.getElementById("compare").checkVisibility()`)
	if shown != (len(steps) > 0) {
		v.fail(fmt.Sprintf("shows the comparison: %v", shown),
			"it if there are runs, and only then", "drawRuns in draw.js")
	}
}
