package browser

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Steps are the names of the steps that serve the lab, in order.
var Steps = []string{
	"step02-static", "step03-process", "step04-threads", "step05-coroutine",
	"step06-nonblocking", "step07-epoll",
}

// startLimit is how long a step may take to say where it serves.
const startLimit = 20 * time.Second

// Build builds all steps of the repository at root into dir. The tests start
// the programs themselves and not "go run", because only then is the process
// they started the process that serves.
func Build(root, dir string) error {
	// The slash at the end says that dir is a directory.
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, name := range Steps {
		args = append(args, "./"+name)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s",
			strings.Join(args, " "), root, err, out)
	}
	return nil
}

// Step is a running step.
type Step struct {
	Name string
	URL  string // ends without a slash
	PID  int

	cmd    *exec.Cmd
	cancel context.CancelFunc
	stderr bytes.Buffer // not to be read before the process has ended
}

// Start starts a step that Build has built into dir, on a free port.
func Start(dir, name string, flags ...string) (*Step, error) {
	ctx, cancel := context.WithCancel(context.Background())
	flags = append([]string{"-addr", "127.0.0.1:0", "-quiet"}, flags...)
	s := &Step{Name: name, cancel: cancel}
	s.cmd = exec.CommandContext(ctx, filepath.Join(dir, name), flags...)
	s.cmd.Stderr = &s.stderr
	// Ctrl-C and not SIGKILL: step 3 must be able to end its children.
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) }
	s.cmd.WaitDelay = 5 * time.Second
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := s.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.PID = s.cmd.Process.Pid
	if s.URL, err = readURL(name, s.PID, stdout); err != nil {
		return nil, fmt.Errorf("%w\nstandard error: %s", err, s.Stop())
	}
	return s, nil
}

// readURL waits for the line with which a step starts. It must name pid.
func readURL(name string, pid int, stdout io.Reader) (string, error) {
	lines := make(chan string, 1)
	go func() {
		// The line tells enough: when it is not whole, it is wrong.
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		lines <- line
	}()
	select {
	case line := <-lines:
		url, told, err := parseStart(name, line)
		if err == nil && told != pid {
			err = fmt.Errorf("%s: its first line names process %d, but it "+
				"was started as %d: %q", name, told, pid, line)
		}
		return url, err
	case <-time.After(startLimit):
		return "", fmt.Errorf("%s: no line on standard output after %v",
			name, startLimit)
	}
}

// startLine is the line with which a step starts: its name, its address and
// its process.
var startLine = regexp.MustCompile(
	`^(\S+): serving (http://\S+)/ \(pid (\d+); Ctrl-C to stop\)\n$`)

// parseStart reads that line.
func parseStart(name, line string) (url string, pid int, err error) {
	match := startLine.FindStringSubmatch(line)
	if match == nil || match[1] != name {
		return "", 0, fmt.Errorf("%s: its first line is %q, not "+
			`"%s: serving http://HOST:PORT/ (pid NUMBER; Ctrl-C to stop)"`,
			name, line, name)
	}
	pid, err = strconv.Atoi(match[3])
	return match[2], pid, err
}

// Stop ends the step as Ctrl-C does and returns what it wrote to standard
// error. It may be called again.
func (s *Step) Stop() string {
	s.cancel()
	// An error is certain: the process was interrupted, or is waited for twice.
	_ = s.cmd.Wait()
	return s.stderr.String()
}
