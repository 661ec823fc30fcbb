package browser

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// root is the root of the repository, seen from this directory.
const root = "../.."

// bench is what all tests of one Test function share.
type bench struct {
	programs string          // the directory with the programs of the steps
	browser  context.Context // of one Chromium
}

// newBench builds the steps and starts Chromium.
func newBench(t *testing.T) *bench {
	t.Helper()
	path, err := Find()
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%v (CI=true: there these tests must run)", err)
	} else if err != nil {
		t.Skipf("these tests need Chromium: %v", err)
	}
	b := &bench{programs: t.TempDir()}
	if err := Build(root, b.programs); err != nil {
		t.Fatal(err)
	}
	var stop func() error
	if b.browser, stop, err = Launch(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Chromium does not end properly: %v", err)
		}
	})
	return b
}

// start starts a step for the time of the test.
func (b *bench) start(t *testing.T, name string, flags ...string) *Step {
	t.Helper()
	s, err := Start(b.programs, name, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if text := s.Stop(); text != "" {
			t.Errorf("%s complains on standard error; a browser gives no "+
				"reason for that:\n%s", name, text)
		}
	})
	return s
}

// visit is one tab that visits one address of one step.
type visit struct {
	*testing.T
	step *Step
	url  string
	tab  context.Context
	rec  recorder
}

// visit opens a tab for the time of the test. It does not load the page yet.
func (b *bench) visit(t *testing.T, s *Step, path string) *visit {
	t.Helper()
	tab, closeTab, err := Open(b.browser)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeTab)
	v := &visit{T: t, step: s, url: s.URL + path, tab: tab}
	if err := chromedp.Listen(tab, v.rec.add); err != nil {
		t.Fatal(err)
	}
	return v
}

// fail reports a failure so that a learner knows where to look.
func (v *visit) fail(got, want, cause string) {
	v.Helper()
	v.Errorf("%s at %s\n  the page: %s\n  expected: %s\n  likely cause: %s",
		v.step.Name, v.url, got, want, cause)
}

// do runs actions in the tab.
func (v *visit) do(actions ...chromedp.Action[chromedp.Void]) {
	v.Helper()
	if err := chromedp.Do(v.tab, actions...); err != nil {
		v.Fatalf("%s at %s: %v", v.step.Name, v.url, err)
	}
}

// load loads the page.
func (v *visit) load() {
	v.Helper()
	v.do(chromedp.Navigate(v.url))
}

// wait waits until a JavaScript expression is true in the page.
func (v *visit) wait(expression string) {
	v.Helper()
	if err := Wait(v.tab, expression); err != nil {
		v.Fatalf("%s at %s: %v", v.step.Name, v.url, err)
	}
}

// endOfRun waits until the run in the lab is done.
func (v *visit) endOfRun() Lab {
	v.Helper()
	lab, err := EndOfRun(v.tab)
	if err != nil {
		v.fail(err.Error(), "that the run ends as done",
			"a request got no response, or lab.js has stopped")
		v.FailNow()
	}
	return lab
}

// evaluate returns the value of a JavaScript expression in the page.
func evaluate[T any](v *visit, expression string) T {
	v.Helper()
	value, err := chromedp.Run(v.tab, chromedp.Evaluate[T](expression))
	if err != nil {
		v.Fatalf("%s at %s: %s: %v", v.step.Name, v.url, expression, err)
	}
	return value
}

// eventually tries until check returns nil, and fails with its last error.
func eventually(t *testing.T, limit time.Duration, check func() error) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("after %v still: %v", limit, err)
		case <-tick.C:
		}
	}
}

// recorder keeps what a tab asks for and what goes wrong in it.
type recorder struct {
	sync.Mutex
	requests []string // addresses
	errors   []string
}

// add is called for every event of the tab.
func (r *recorder) add(event any) {
	r.Lock()
	defer r.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		r.requests = append(r.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		r.errors = append(r.errors, "exception: "+exception(e))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" {
			r.errors = append(r.errors, "console.error: "+arguments(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" {
			r.errors = append(r.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// exception describes an exception and tells where it was thrown.
func exception(e *runtime.EventExceptionThrown) string {
	details := e.ExceptionDetails
	text := details.Text
	if details.Exception != nil {
		text += " " + details.Exception.Description
	}
	return fmt.Sprintf("%s (%s, line %d)",
		text, details.URL, details.LineNumber+1)
}

// arguments describes what was given to console.error.
func arguments(objects []*runtime.RemoteObject) string {
	var texts []string
	for _, object := range objects {
		text := object.Description
		if text == "" {
			text = fmt.Sprint(object.Value)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// checkTraffic fails for errors in the tab and for requests to anybody but the
// step. It returns how many requests were for tiles.
func (v *visit) checkTraffic() (tiles int) {
	v.Helper()
	v.rec.Lock()
	defer v.rec.Unlock()
	for _, text := range v.rec.errors {
		v.fail(text, "no error in the console",
			"a file is missing, or a script throws")
	}
	for _, address := range v.rec.requests {
		if strings.HasPrefix(address, v.step.URL+"/tile.svg?") {
			tiles++
		}
		if !strings.HasPrefix(address, v.step.URL+"/") {
			v.fail("asks for "+address,
				"requests to the step and to nobody else",
				"a page names an address of another server")
		}
	}
	return tiles
}
