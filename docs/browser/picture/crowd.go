package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"seven-servers/docs/browser"
)

const (
	size  = 100 // how many silent clients the command of the lab makes
	tiles = 6   // how many tiles the lab loads beside them
	// patience is how long the lab waits here for all of its tiles.
	patience = 10 * time.Second
	// ticks is how many units of processor time Linux counts in a second.
	ticks = 100
)

// crowd is what a crowd of silent clients does to a step.
type crowd struct {
	Step      string
	Time      time.Duration // until the lab had its tiles; 0: it has none
	Processes int
	Threads   int
	CPU       int // percent of a core, while nobody asks
}

// Width is the length of the bar in percent of the longest.
func (c crowd) Width() float64 {
	if c.Time == 0 {
		return 100
	}
	return 100 * c.Time.Seconds() / patience.Seconds()
}

// Text says how long it took.
func (c crowd) Text() string {
	switch {
	case c.Time == 0:
		return fmt.Sprintf("none in %v s", patience.Seconds())
	case c.Time < time.Second:
		return fmt.Sprintf("%d ms", c.Time.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", c.Time.Seconds())
}

// runCrowds lets the crowd come to one step after the other.
func runCrowds(ctx context.Context, programs string) ([]crowd, error) {
	var crowds []crowd
	for _, name := range browser.Steps {
		c, err := runCrowd(ctx, programs, name)
		if err != nil {
			return nil, fmt.Errorf("%s with a silent crowd: %w", name, err)
		}
		crowds = append(crowds, c)
	}
	return crowds, nil
}

// runCrowd lets the crowd come to one step, and then the lab.
func runCrowd(ctx context.Context, programs, name string) (crowd, error) {
	s, err := browser.Start(programs, name)
	if err != nil {
		return crowd{}, err
	}
	defer s.Stop()
	tab, closeTab, err := browser.Open(ctx)
	if err != nil {
		return crowd{}, err
	}
	defer closeTab()
	if err := chromedp.Do(tab, chromedp.Navigate(
		fmt.Sprintf("%s/lab.html?n=%d", s.URL, tiles))); err != nil {
		return crowd{}, err
	}
	if err := browser.Wait(tab, `stepName !== null`); err != nil {
		return crowd{}, err
	}
	silent, err := browser.StartCrowd(tab)
	if err != nil {
		return crowd{}, err
	}
	defer silent.Stop()
	// The first silent clients still have most of their 5 seconds then.
	time.Sleep(1500 * time.Millisecond)
	c := crowd{Step: name}
	if err := c.measure(s.PID); err != nil {
		return crowd{}, err
	}
	c.Time, err = load(tab)
	return c, err
}

// load lets the lab load its tiles and returns how long it took, or 0 if no
// tile came.
func load(tab context.Context) (time.Duration, error) {
	if err := chromedp.Do(tab,
		chromedp.Click(chromedp.CSS("#run"))); err != nil {
		return 0, err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		lab, err := browser.ReadLab(tab)
		if err != nil {
			return 0, err
		}
		if lab.State == "done" {
			ms, err := chromedp.Run(tab, chromedp.Evaluate[float64](
				`Math.max(...answers.map((answer) => answer.ended))`))
			return time.Duration(ms * float64(time.Millisecond)), err
		}
		time.Sleep(50 * time.Millisecond)
	}
	came, err := chromedp.Run(tab, chromedp.Evaluate[int](`answers.length`))
	if err == nil && came > 0 {
		err = fmt.Errorf("%d of %d tiles came within %v: neither all nor none",
			came, tiles, patience)
	}
	return 0, err
}

// measure counts what the step holds, and how busy it is for half a second.
func (c *crowd) measure(pid int) error {
	before, err := processorTime(pid)
	if err != nil {
		return err
	}
	const pause = 500 * time.Millisecond
	time.Sleep(pause)
	after, err := processorTime(pid)
	if err != nil {
		return err
	}
	c.CPU = min(100, int(float64(after-before)/ticks/pause.Seconds()*100))

	return c.count(pid)
}

// count counts a process and its threads, and then those of its children.
func (c *crowd) count(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return err
	}
	c.Processes++
	c.Threads += len(threads)
	for _, thread := range threads {
		// An error means that the thread has just ended.
		list, _ := os.ReadFile(filepath.Join(thread, "children"))
		for _, child := range strings.Fields(string(list)) {
			number, err := strconv.Atoi(child)
			if err != nil {
				return err
			}
			if err := c.count(number); err != nil {
				return err
			}
		}
	}
	return nil
}

// processorTime returns how long a process has run, in ticks.
func processorTime(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// After the name, which may have spaces: the state is field 3 (proc(5)).
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, err := strconv.Atoi(fields[14-3])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[15-3])
	return user + system, err
}
