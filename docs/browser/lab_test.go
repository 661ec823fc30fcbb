package browser

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
)

// tiles is how many tiles the lab loads here: more than the six connections
// that a browser opens to one server.
const tiles = 24

// span is what a count may be.
type span struct{ least, most int }

func (s span) String() string {
	if s.least == s.most {
		return strconv.Itoa(s.least)
	}
	return fmt.Sprintf("%d to %d", s.least, s.most)
}

var (
	one = span{1, 1}
	all = span{tiles, tiles}
)

// model is what the lab must count for a step.
type model struct {
	step                      string
	processes, threads, conns span
	cause                     string // when it counts something else
}

// models holds what each chapter claims.
var models = []model{{
	step:      "step02-static",
	processes: one, threads: one, conns: all,
	cause: "main does not stay on one thread (runtime.LockOSThread), or a " +
		"connection is not closed after its response",
}, {
	step:      "step03-process",
	processes: all, threads: all, conns: all,
	cause: "the parent answers itself, or a child serves a second connection",
}, {
	step:      "step04-threads",
	processes: one, threads: all, conns: all,
	cause: "the goroutine is not locked to a thread, or it unlocks at the " +
		"end, so that its thread serves again",
}, {
	step:      "step05-coroutine",
	processes: one, threads: span{1, tiles - 1}, conns: all,
	cause: "a goroutine holds a thread while it waits",
}, {
	step:      "step06-nonblocking",
	processes: one, threads: one, conns: span{1, 6},
	cause: "connections are not kept, or the loop leaves its thread",
}, {
	step:      "step07-epoll",
	processes: one, threads: one, conns: span{1, 6},
	cause: "connections are not kept, or the loop leaves its thread",
}}

// TestLab lets the lab load its tiles from each step and checks that the page
// counts right, and that the count is what the step claims to be.
func TestLab(t *testing.T) {
	b := newBench(t)
	for _, m := range models {
		t.Run(m.step, func(t *testing.T) {
			t.Parallel()
			testModel(t, b, m)
		})
	}
}

// testModel runs the lab on one step.
func testModel(t *testing.T, b *bench, m model) {
	s := b.start(t, m.step, "-delay", "20ms")
	v := b.visit(t, s, fmt.Sprintf("/lab.html?n=%d&auto", tiles))
	v.load()
	lab := v.endOfRun()
	if lab.Who != "· "+s.Name {
		v.fail("names the step "+strconv.Quote(lab.Who), "· "+s.Name,
			"the Server field has another form")
	}
	v.checkTable(lab)
	v.checkTimes(lab, 20)
	v.checkSummary(lab)
	v.checkModel(lab, m)
	v.checkReal(lab, m)
	for _, by := range []string{"process", "thread", "connection"} {
		v.do(chromedp.Click(chromedp.CSS("input[value=" + by + "]")))
		v.checkLegend(lab, by)
	}
	if n := v.checkTraffic(); n != tiles {
		v.fail(fmt.Sprintf("asks for %d tiles", n), strconv.Itoa(tiles),
			"lab.js asks twice or not at all")
	}
}

// checkTable checks that every tile has a row, and that no two responses say
// that they are the same request.
func (v *visit) checkTable(lab Lab) {
	v.Helper()
	if len(lab.Rows) != tiles {
		v.fail(fmt.Sprintf("has %d rows", len(lab.Rows)),
			strconv.Itoa(tiles), "lab.js has lost responses")
	}
	requests := map[string]bool{}
	for i, row := range lab.Rows {
		if row.Tile != strconv.Itoa(i+1) || row.Status != "200" {
			v.fail(fmt.Sprintf("row %d is %+v", i+1, row),
				fmt.Sprintf("tile %d with status 200", i+1),
				"tile.svg is missing, or the step answers badly under load")
		}
		requests[row.Conn+"/"+row.Request] = true
	}
	if len(requests) != len(lab.Rows) {
		v.fail(fmt.Sprintf("%d different requests", len(requests)),
			strconv.Itoa(len(lab.Rows)),
			"the step gives a number of a connection or a request twice")
	}
}

// different counts the different values of one column.
func different(rows []Row, column func(Row) string) int {
	values := map[string]bool{}
	for _, row := range rows {
		if value := column(row); value != "unknown" {
			values[value] = true
		}
	}
	return len(values)
}

func pid(row Row) string  { return row.PID }
func tid(row Row) string  { return row.TID }
func conn(row Row) string { return row.Conn }

// plural writes a number with its word.
func plural(n int, word, more string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %s", n, more)
}

// sentence writes the sentence that the page must show above the table.
func sentence(rows []Row, ms string) string {
	text := fmt.Sprintf("%s in %s ms from %s",
		plural(len(rows), "response", "responses"), ms,
		plural(different(rows, pid), "process", "processes"))
	if threads := different(rows, tid); threads > 0 {
		text += ", " + plural(threads, "thread", "threads")
	}
	return text + ", " +
		plural(different(rows, conn), "connection", "connections")
}

// duration finds the milliseconds in that sentence.
var duration = regexp.MustCompile(` in (\d+) ms `)

// checkSummary compares the sentence with the table. So the counting of the
// page is checked too, and not only believed.
func (v *visit) checkSummary(lab Lab) {
	v.Helper()
	ms := "0"
	if match := duration.FindStringSubmatch(lab.Summary); match != nil {
		ms = match[1]
	}
	if want := sentence(lab.Rows, ms); lab.Summary != want {
		v.fail(lab.Summary, want+" (says its table)",
			"countFacts or summarize in lab.js")
	}
	var last float64
	for _, row := range lab.Rows {
		ended, err := strconv.ParseFloat(row.Ended, 64)
		if err != nil {
			v.fail("tile "+row.Tile+" ended at "+row.Ended,
				"a number", "showTable in draw.js")
		}
		last = max(last, ended)
	}
	// One is rounded to whole milliseconds, the other to tenths.
	if whole, err := strconv.Atoi(ms); err != nil ||
		math.Abs(float64(whole)-last) > 0.6 {
		v.fail("the run took "+ms+" ms",
			fmt.Sprintf("%.1f ms (says its table)", last),
			"countFacts in lab.js")
	}
}

// checkModel compares the counts with what the chapter claims.
func (v *visit) checkModel(lab Lab, m model) {
	v.Helper()
	check := func(what string, want span, got int) {
		if got < want.least || got > want.most {
			v.fail(lab.Summary, want.String()+" "+what, m.cause)
		}
	}
	check("processes", m.processes, different(lab.Rows, pid))
	check("connections", m.conns, different(lab.Rows, conn))
	// Only Linux gives a thread a number that a program can ask for.
	if runtime.GOOS == "linux" {
		check("threads", m.threads, different(lab.Rows, tid))
	}
}

// checkReal checks that the numbers in the table are those of the system.
func (v *visit) checkReal(lab Lab, m model) {
	v.Helper()
	for _, row := range lab.Rows {
		started := row.PID == strconv.Itoa(v.step.PID)
		if started != (m.processes == one) {
			want := "the process that was started, %d"
			if started {
				want = "a child of the process that was started, %d"
			}
			v.fail("process "+row.PID+" gave tile "+row.Tile,
				fmt.Sprintf(want, v.step.PID), m.cause)
		}
		// The one thread must still be there; others may end any time.
		if m.threads != one || runtime.GOOS != "linux" {
			continue
		}
		task := filepath.Join("/proc", row.PID, "task", row.TID)
		if _, err := os.Stat(task); errors.Is(err, os.ErrNotExist) {
			v.fail("thread "+row.TID+" gave tile "+row.Tile,
				"a thread that exists as "+task,
				"the step does not read its thread from /proc/thread-self")
		}
	}
}

// readLegend collects the lines of the legend.
const readLegend = `[...document.querySelectorAll("#legend li")].map(
	(item) => item.textContent)`

// titles are what the page writes above the legend. A process or a thread gives
// a response; a connection only carries it.
var titles = map[string]string{
	"process":    "Responses of each process",
	"thread":     "Responses of each thread",
	"connection": "Responses on each connection",
}

// checkLegend compares the legend with the table.
func (v *visit) checkLegend(lab Lab, by string) {
	v.Helper()
	title := evaluate[string](v,
		`document.getElementById("legend-title").textContent`)
	if title != titles[by] {
		v.fail(fmt.Sprintf("writes %q above the legend", title), titles[by],
			"kinds in draw.js")
	}
	counts := map[string]int{}
	for _, row := range lab.Rows {
		name := map[string]string{
			"process": "pid " + row.PID, "thread": "tid " + row.TID,
			"connection": "conn " + row.Conn,
		}[by]
		if name == "tid unknown" {
			name = "unknown"
		}
		counts[name]++
	}
	var want []string
	for name, count := range counts {
		want = append(want, fmt.Sprintf("%s ×%d", name, count))
	}
	legend := evaluate[[]string](v, readLegend)
	// The page sorts by number, which is not the point here.
	slices.Sort(want)
	slices.Sort(legend)
	if !slices.Equal(legend, want) {
		v.fail(fmt.Sprintf("legend by %s: %q", by, legend),
			fmt.Sprintf("%q (says its table)", want), "drawColours in draw.js")
	}
}
