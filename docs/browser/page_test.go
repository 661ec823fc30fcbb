package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// underWay is true as soon as the lab has some answers, and not yet all.
const underWay = `document.documentElement.dataset.state === "running" &&
	document.getElementById("progress").value >= 1`

// TestPages checks how the pages behave. Where the step does not matter, step
// 5 serves: it is quick, and has no limits that show.
func TestPages(t *testing.T) {
	b := newBench(t)
	for _, name := range Steps {
		t.Run("index of "+name, func(t *testing.T) {
			t.Parallel()
			testIndex(t, b, name)
		})
	}
	for _, name := range []string{"step04-threads", "step07-epoll"} {
		t.Run("end of "+name, func(t *testing.T) {
			t.Parallel()
			testEnd(t, b, name)
		})
		t.Run("closed tab of "+name, func(t *testing.T) {
			t.Parallel()
			testClosed(t, b, name)
		})
	}
	t.Run("number of tiles", func(t *testing.T) {
		t.Parallel()
		testCount(t, b)
	})
	t.Run("phone", func(t *testing.T) {
		t.Parallel()
		testPhone(t, b)
	})
	t.Run("nothing came", func(t *testing.T) {
		t.Parallel()
		testNothing(t, b)
	})
	t.Run("keyboard", func(t *testing.T) {
		t.Parallel()
		testKeyboard(t, b)
	})
}

// testIndex checks that index.html names the step that serves it.
func testIndex(t *testing.T, b *bench, name string) {
	v := b.visit(t, b.start(t, name), "/")
	v.load()
	// Until then the page has not asked, or got no answer.
	v.wait(`document.querySelector("#who strong") !== null`)
	who := evaluate[string](v,
		`document.querySelector("#who strong").textContent`)
	if who != name {
		v.fail("names "+who, name, "the Server field, or index.js")
	}
	marked := evaluate[string](v, `[...document.querySelectorAll(
		"[aria-current]")].map((item) => item.id).join()`)
	if marked != name {
		v.fail("marks "+strconv.Quote(marked)+" in its list", name,
			"the list of steps in index.html lacks the step")
	}
	v.wait(`[...document.images].every((image) => image.complete)`)
	broken := evaluate[string](v, `[...document.images].filter((image) =>
		image.naturalWidth === 0).map((image) => image.src).join()`)
	if broken != "" {
		v.fail("cannot show "+broken, "every picture",
			"the file is missing, or its Content-Type is wrong")
	}
	v.checkTraffic()
}

// testEnd ends the step while a run is under way.
func testEnd(t *testing.T, b *bench, name string) {
	s := b.start(t, name, "-delay", "300ms")
	v := b.visit(t, s, fmt.Sprintf("/lab.html?n=%d&auto", tiles))
	v.load()
	v.wait(underWay)
	if text := s.Stop(); text != "" {
		t.Errorf("%s ends with a complaint: %s", name, text)
	}
	v.wait(`document.documentElement.dataset.state !== "running"`)
	lab, err := ReadLab(v.tab)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("state %q, message %q, summary %q, %d rows",
		lab.State, lab.Message, lab.Summary, len(lab.Rows))
	if lab.State != "failed" ||
		!strings.Contains(lab.Message, "got no answer") ||
		!strings.Contains(lab.Message, "go run ./"+name) {
		v.fail(got, "state failed, and a message that says how to go on",
			"complain or finish in lab.js")
	}
	if len(lab.Rows) == 0 || len(lab.Rows) >= tiles {
		v.fail(got, "the results from before the end",
			"load or finish in lab.js")
	}
	v.checkSummary(lab)
	full := evaluate[bool](v, `document.getElementById("progress").value ===
		document.getElementById("progress").max`)
	if full {
		v.fail("shows a full progress bar", "one that counts the answers",
			"showProgress in lab.js")
	}
}

// testNothing presses Load when the step has ended. Where nothing came, there
// is nothing to draw.
func testNothing(t *testing.T, b *bench) {
	s := b.start(t, "step05-coroutine")
	v := b.visit(t, s, "/lab.html")
	v.load()
	v.wait(`document.getElementById("who").textContent !== ""`)
	s.Stop()
	v.do(chromedp.Click(chromedp.CSS("#run")))
	v.wait(`document.documentElement.dataset.state === "failed"`)
	v.checkNothing("got no answer")
}

// checkNothing checks what the page shows after a run without any response.
func (v *visit) checkNothing(message string) {
	v.Helper()
	lab, err := ReadLab(v.tab)
	if err != nil {
		v.Fatal(err)
	}
	if lab.Summary != "No response came" ||
		!strings.Contains(lab.Message, message) {
		v.fail(fmt.Sprintf("%q, message %q", lab.Summary, lab.Message),
			`"No response came" and a message with `+strconv.Quote(message),
			"summarize or complain in lab.js")
	}
	shown := evaluate[string](v, `[...document.querySelectorAll(
		"#axis, #rows, #legend")].filter((part) => part.checkVisibility()).
		map((part) => part.id).join()`)
	if shown != "" {
		v.fail("shows "+shown, "no axis, no rows and no legend",
			"draw in draw.js")
	}
	if n := evaluate[float64](v,
		`document.getElementById("progress").value`); n != 0 {
		v.fail(fmt.Sprintf("has %v in its progress bar", n), "an empty bar",
			"showProgress in lab.js")
	}
}

// testClosed closes the tab in the middle of a run. The step must notice.
func testClosed(t *testing.T, b *bench, name string) {
	if runtime.GOOS != "linux" {
		t.Skip("the sockets of a process are counted in /proc: Linux only")
	}
	s := b.start(t, name, "-delay", "100ms")
	before := sockets(t, s.PID) // the listener
	tab, closeTab, err := Open(b.browser)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTab()
	v := &visit{T: t, step: s, url: s.URL + "/lab.html?n=200&auto", tab: tab}
	v.load()
	v.wait(underWay)
	eventually(t, 10*time.Second, func() error {
		if sockets(t, s.PID) <= before {
			return fmt.Errorf("%s has no connection during a run", name)
		}
		return nil
	})
	closeTab()
	// Sooner than after the minute that ends an idle connection anyway.
	eventually(t, 10*time.Second, func() error {
		if n := sockets(t, s.PID) - before; n != 0 {
			return fmt.Errorf("%s holds %d connections of a closed tab; "+
				"likely cause: it does not see the end of a connection, or "+
				"does not close its descriptor", name, n)
		}
		return nil
	})
}

// sockets counts the open sockets of a process.
func sockets(t *testing.T, pid int) int {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, entry := range entries {
		// An error means that the descriptor was closed meanwhile.
		target, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err == nil && strings.HasPrefix(target, "socket:") {
			count++
		}
	}
	return count
}

// counts are numbers of tiles that an address may ask for, and what the lab
// makes of them.
var counts = []struct {
	n    string
	want int
	bad  bool // the lab must say so
}{
	{"1", 1, false},
	{"200", 200, false},
	{"999", 200, true},
	{"0", 1, true},
	{"-5", 1, true},
	{"2.4", 2, true},
	{"1e99", 200, true},
	{"x", 24, true},
	{"", 24, true},
}

// testCount checks that no number in the address breaks the lab.
func testCount(t *testing.T, b *bench) {
	s := b.start(t, "step05-coroutine")
	for _, test := range counts {
		t.Run("n="+test.n, func(t *testing.T) {
			v := b.visit(t, s, "/lab.html?auto&n="+test.n)
			v.load()
			lab := v.endOfRun()
			got := fmt.Sprintf("%d rows, message %q, %q",
				len(lab.Rows), lab.Message, lab.Summary)
			if len(lab.Rows) != test.want {
				v.fail(got, strconv.Itoa(test.want)+" rows",
					"readCount in lab.js")
			}
			if (lab.Message != "") != test.bad {
				v.fail(got, "a message if the number is bad, and only then",
					"readCount or complain in lab.js")
			}
			v.checkSummary(lab)
			v.checkTraffic()
		})
	}
}

// testPhone checks that nothing is wider than a narrow phone.
func testPhone(t *testing.T, b *bench) {
	s := b.start(t, "step05-coroutine")
	for _, path := range []string{
		"/", "/lab.html", "/lab.html?n=24&by=connection&auto",
		"/lab.html?n=200&by=connection&auto",
	} {
		v := b.visit(t, s, path)
		v.do(chromedp.EmulateViewport(360, 740))
		v.load()
		if strings.Contains(path, "auto") {
			v.endOfRun()
			v.do(chromedp.Click(chromedp.CSS("details summary")))
			v.wait(`document.querySelector("details").open`)
			v.checkHint("legend", "scrollHeight", "clientHeight")
			v.checkHint("table", "scrollWidth", "clientWidth")
		}
		width := evaluate[int](v, `document.documentElement.scrollWidth`)
		if width > 360 {
			v.fail(fmt.Sprintf("is %d pixels wide", width),
				"at most 360, so that nothing scrolls sideways",
				"an element of the page is too wide")
		}
	}
}

// checkHint checks that the page says of a box that it scrolls. Here it does.
func (v *visit) checkHint(name, inner, outer string) {
	v.Helper()
	box := map[string]string{"legend": "legend", "table": "table-box"}[name]
	v.wait(`document.getElementById("` + box + `").checkVisibility()`)
	if !evaluate[bool](v, fmt.Sprintf(`((box) => box.%s > box.%s)(
		document.getElementById(%q))`, inner, outer, box)) {
		v.fail("shows all of the "+name, "more than fits on a phone",
			"the test: it needs a longer "+name)
	}
	hint := fmt.Sprintf(`document.getElementById("%s-hint")`, name)
	if !evaluate[bool](v, hint+`.checkVisibility() && `+hint+
		`.textContent.includes("scroll")`) {
		v.fail("does not say that the "+name+" scrolls",
			"a line above it that says so", "showHints in draw.js")
	}
}

// testKeyboard uses the lab without a mouse.
func testKeyboard(t *testing.T, b *bench) {
	v := b.visit(t, b.start(t, "step05-coroutine"), "/lab.html")
	v.load()
	v.wait(`document.getElementById("who").textContent !== ""`)
	const focused = `document.activeElement.id`
	for n := 0; evaluate[string](v, focused) != "count"; n++ {
		if n == 10 {
			v.fail("the tab key does not reach the field",
				"the focus in #count", "the field cannot have the focus")
			return
		}
		v.do(chromedp.KeyEvent(kb.Tab))
	}
	// A browser selects the old number, so that the new one replaces it.
	v.do(chromedp.KeyEvent("7" + kb.Enter))
	lab := v.endOfRun()
	if len(lab.Rows) != 7 {
		v.fail(fmt.Sprintf("%q, %d rows", lab.Summary, len(lab.Rows)),
			"7 rows", "Enter does not submit the form")
	}
}
