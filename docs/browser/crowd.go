package browser

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/chromedp/chromedp"
)

// Crowd is the shell command of the lab page that makes silent clients.
type Crowd struct{ cmd *exec.Cmd }

// StartCrowd runs the command that the lab shows in this tab, as a reader does
// in a second terminal.
func StartCrowd(tab context.Context) (*Crowd, error) {
	line, err := chromedp.Run(tab, chromedp.Evaluate[string](
		`document.getElementById("crowd").textContent`))
	if err != nil {
		return nil, fmt.Errorf("cannot read the command on the page: %w", err)
	}
	cmd := exec.Command("bash", "-c", line)
	// A process group of its own, as a shell gives to each command: Ctrl-C is
	// for all of it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
	}
	return &Crowd{cmd}, nil
}

// Stop does what Ctrl-C does, and waits until the command has ended.
func (c *Crowd) Stop() {
	// The errors are certain: nobody is there any more, or was interrupted.
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGINT)
	_ = c.cmd.Wait()
}
