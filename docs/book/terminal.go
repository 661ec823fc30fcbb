package book

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// terminal is a bash at a terminal, as the reader has one.
type terminal struct {
	tty *os.File
	cmd *exec.Cmd

	mu      sync.Mutex
	out     []byte    // what came and is not looked at yet
	changed time.Time // when the last of it came
	ended   bool

	busy bool // a program runs in the foreground
}

// The prompt has control characters around the status, so that no output can
// be taken for it.
const (
	promptStart = "\x1e"
	promptEnd   = "\x1f"
)

// prompt matches the prompt.
var prompt = regexp.MustCompile(promptStart + `(\d+)` + promptEnd)

// openTerminal starts bash with a terminal of 80 columns, as args say.
func openTerminal(dir string, args []string) (*terminal, error) {
	args = append(slices.Clone(args), "bash", "--norc", "--noprofile",
		"--noediting", "-i")
	t := &terminal{cmd: exec.Command(args[0], args[1:]...)}
	t.cmd.Dir = dir
	t.cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TERM=dumb",
		"HISTFILE=", "GOFLAGS=-trimpath", "GOWORK=off", "PS2=",
		"PS1="+promptStart+"$?"+promptEnd, "http_proxy=", "no_proxy=*",
		"BASH_SILENCE_DEPRECATION_WARNING=1")
	var err error
	t.tty, err = pty.StartWithSize(t.cmd, &pty.Winsize{Rows: 50, Cols: 80})
	if err != nil {
		return nil, err
	}
	go t.read()
	// Early input would be echoed twice, so wait for the first prompt.
	t.waitPrompt(20 * time.Second)
	t.take()
	// The pages show what is typed: the terminal need not.
	t.write("cd " + quote(dir) + "; set +H; stty -echo -onlcr\n")
	t.waitPrompt(20 * time.Second)
	t.take()
	return t, nil
}

// quote makes one word of a path for bash.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// read collects what the terminal shows.
func (t *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := t.tty.Read(buf)
		t.mu.Lock()
		t.out = append(t.out, buf[:n]...)
		t.changed = time.Now()
		t.ended = err != nil
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// write types something. If the terminal is gone, the next look says so.
func (t *terminal) write(text string) { _, _ = t.tty.WriteString(text) }

// seen is what a terminal shows at the moment.
type seen struct {
	lines    []string
	part     bool          // the last line has no end yet
	prompted bool          // bash waits for the next command
	quiet    time.Duration // since something came
	ended    bool
}

// escapes matches what makes text bold, and links in a terminal.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]|" +
	"\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\r|\x07")

// look returns what came since the last take.
func (t *terminal) look() seen {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := seen{quiet: time.Since(t.changed), ended: t.ended}
	s.prompted = prompt.Match(t.out)
	text := prompt.ReplaceAll(t.out, nil)
	text = escapes.ReplaceAll(text, nil)
	s.part = !s.prompted && len(text) > 0 && text[len(text)-1] != '\n'
	s.lines = splitLines(string(text))
	return s
}

// take forgets what came.
func (t *terminal) take() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = nil
	t.changed = time.Now()
}

// takeLines forgets what came, but keeps a line that has no end yet.
func (t *terminal) takeLines() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = t.out[bytes.LastIndexByte(t.out, '\n')+1:]
	t.changed = time.Now()
}

// takePrompt forgets a prompt that came after a program was left running.
func (t *terminal) takePrompt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := prompt.FindIndex(t.out); at != nil {
		t.out = bytes.Join([][]byte{t.out[:at[0]], t.out[at[1]:]}, nil)
		t.busy = false
	}
}

// waitPrompt waits until bash waits for a command.
func (t *terminal) waitPrompt(limit time.Duration) bool {
	for end := time.Now().Add(limit); ; time.Sleep(pollTime) {
		s := t.look()
		if s.prompted || s.ended || time.Now().After(end) {
			return s.prompted
		}
	}
}

// pollTime is how often to look at a terminal.
const pollTime = 10 * time.Millisecond

// close takes the terminal away, as closing its window does: bash gets SIGHUP,
// and sends it to its jobs.
func (t *terminal) close() {
	// If that fails, bash is gone already.
	_ = t.cmd.Process.Signal(syscall.SIGHUP)
	t.tty.Close()
	kill := time.AfterFunc(5*time.Second, func() { _ = t.cmd.Process.Kill() })
	defer kill.Stop()
	// That a signal ended it is no news.
	_ = t.cmd.Wait()
}
