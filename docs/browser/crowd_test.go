package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// crowd is how many silent clients the command on the page makes.
const crowd = 100

// TestCrowd runs the command of the lab page that makes a crowd of silent
// clients, and checks what the page says of each step.
func TestCrowd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what a step holds is counted in /proc: Linux only")
	}
	b := newBench(t)
	t.Run("step02-static", func(t *testing.T) { testCrowd2(t, b) })
	t.Run("step03-process", func(t *testing.T) { testCrowd3(t, b) })
	for _, name := range Steps[2:] {
		t.Run(name, func(t *testing.T) { testCrowd4(t, b, name) })
	}
}

// testCrowd2: step 2 has no time for the lab, until the crowd leaves.
func testCrowd2(t *testing.T, b *bench) {
	s := b.start(t, "step02-static")
	v := b.visit(t, s, "/lab.html?n=6")
	c := v.startCrowd()
	v.waitForCrowd(func() int { return waiting(t, s) })
	v.do(chromedp.Click(chromedp.CSS("#run")))
	time.Sleep(2 * time.Second)
	if n := evaluate[int](v, `answers.length`); n != 0 {
		v.fail(fmt.Sprintf("has %d responses", n), "none: the silent clients "+
			"were first", "the step does not serve in the order of arrival")
	}
	v.do(chromedp.Click(chromedp.CSS("#stop")))
	v.wait(`document.documentElement.dataset.state === "stopped"`)
	v.checkNothing("You stopped the run")

	c.Stop()
	v.do(chromedp.Click(chromedp.CSS("#run")))
	if lab := v.endOfRun(); len(lab.Rows) != 6 {
		v.fail(lab.Summary, "6 responses", "Ctrl-C does not end the crowd")
	}
}

// testCrowd3: the silent clients hold all processes of step 3.
func testCrowd3(t *testing.T, b *bench) {
	const processes = 64
	s := b.start(t, "step03-process")
	v := b.visit(t, s, "/lab.html?n=6")
	v.startCrowd()
	v.waitForCrowd(func() int { return waiting(t, s) })
	if n := children(t, s.PID); n != processes {
		v.fail(fmt.Sprintf("the step has %d children", n),
			strconv.Itoa(processes), "the limit of processes in main.go")
	}
	v.do(chromedp.Click(chromedp.CSS("#run")))
	lab := v.endOfRun()
	ms, _ := strconv.Atoi(duration.FindStringSubmatch(lab.Summary)[1])
	if ms < 500 || !strings.Contains(lab.Explanation, "waiting") {
		v.fail(lab.Summary+"; "+lab.Explanation, "tiles that wait until a "+
			"silent client has had its 5 seconds, and a sentence about it",
			"there are more processes than "+strconv.Itoa(processes)+
				", or describeWaits in lab.js")
	}
}

// testCrowd4: from step 4 on, a silent crowd delays nobody. The crowd ends when
// the step ends.
func testCrowd4(t *testing.T, b *bench, name string) {
	s := b.start(t, name)
	v := b.visit(t, s, "/lab.html?n=24")
	c := v.startCrowd()
	v.waitForCrowd(func() int { return sockets(t, s.PID) })
	v.do(chromedp.Click(chromedp.CSS("#run")))
	lab := v.endOfRun()
	ms, _ := strconv.Atoi(duration.FindStringSubmatch(lab.Summary)[1])
	if ms > 3000 {
		v.fail(lab.Summary, "much less than the 5 seconds of a silent client",
			"the step waits for its clients one after the other")
	}
	s.Stop()
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		v.fail("its command goes on when the step has ended",
			"a crowd that ends with the step", "the command in lab.html")
	}
}

// startCrowd opens the lab and lets the crowd come.
func (v *visit) startCrowd() *Crowd {
	v.Helper()
	v.load()
	v.wait(`document.getElementById("who").textContent !== ""`)
	c, err := StartCrowd(v.tab)
	if err != nil {
		v.Fatal(err)
	}
	v.Cleanup(func() {
		// Also after a failure, nothing of the crowd may stay.
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	})
	return c
}

// waitForCrowd waits until all of the crowd is there.
func (v *visit) waitForCrowd(count func() int) {
	v.Helper()
	eventually(v.T, 20*time.Second, func() error {
		if n := count(); n < crowd {
			return fmt.Errorf("%s holds %d silent clients, not %d; likely "+
				"cause: the command in lab.html", v.step.Name, n, crowd)
		}
		return nil
	})
}

// waiting counts the connections to a step, those in its backlog included.
func waiting(t *testing.T, s *Step) (count int) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	local := fmt.Sprintf("0100007F:%04X", number)
	for line := range strings.Lines(string(table)) {
		// Number, local address, remote address, state (01: connected).
		fields := strings.Fields(line)
		if len(fields) > 3 && fields[1] == local && fields[3] == "01" {
			count++
		}
	}
	return count
}

// children counts the child processes.
func children(t *testing.T, pid int) (count int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lists {
		list, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		count += len(strings.Fields(string(list)))
	}
	return count
}
