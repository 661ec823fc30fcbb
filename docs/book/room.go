package book

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// room is where the commands of a section run: with a copy of the repository,
// and, on Linux, with network, processes and port 8080 of their own.
type room struct {
	dir       string   // the copy
	enter     []string // the command that runs others in there
	keeper    *exec.Cmd
	stdin     io.Closer // its end ends all that runs in the room
	terminals map[string]*terminal
	unlock    func()
}

// unshare is how to run a command in namespaces of its own, or nil where that
// is not possible.
var unshare = sync.OnceValue(func() []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	args := []string{"unshare", "--net", "--pid", "--fork", "--kill-child",
		"--mount-proc"}
	for _, more := range []string{"", "--map-root-user"} {
		if more != "" {
			args = append(args, more)
		}
		test := append(args[1:len(args):len(args)], "ip", "link", "set", "lo",
			"up")
		if exec.Command(args[0], test...).Run() == nil {
			return args
		}
	}
	return nil
})

// theOnlyPort is held by the one section that runs without namespaces.
var theOnlyPort sync.Mutex

// errTaken is why the commands cannot run on this machine now.
type errTaken struct{ error }

// openRoom prepares a room. With share, or where there are no namespaces, it
// has the port and the processes of this machine.
func openRoom(root string, share bool) (*room, error) {
	dir, err := os.MkdirTemp("", "book")
	if err != nil {
		return nil, err
	}
	r := &room{dir: dir, terminals: map[string]*terminal{}, unlock: func() {}}
	if err = copyRepository(dir, root); err == nil {
		if share || unshare() == nil {
			err = r.lockPort()
		} else {
			err = r.isolate()
		}
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// copyRepository copies all but what git and editors keep. Commands may write
// there.
func copyRepository(dir, root string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(root, e.Name()), filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else {
			var content []byte
			if content, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, content, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isolate starts the namespaces. They last as long as the first process in
// there, and that one as long as its standard input: so nothing is left even
// if the test is killed.
func (r *room) isolate() error {
	args := append(unshare()[:len(unshare()):len(unshare())], "bash", "-c",
		"ip link set lo up && echo ready; read -r")
	r.keeper = exec.Command(args[0], args[1:]...)
	r.keeper.Stderr = os.Stderr
	stdin, err := r.keeper.StdinPipe()
	if err != nil {
		return err
	}
	r.stdin = stdin
	stdout, err := r.keeper.StdoutPipe()
	if err != nil {
		return err
	}
	if err := r.keeper.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "ready\n" {
		return fmt.Errorf("cannot prepare the namespaces: %q, %v", line, err)
	}
	// The process in there is the child of unshare.
	pid := strconv.Itoa(r.keeper.Process.Pid)
	children, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	if err != nil {
		return err
	}
	r.enter = []string{"nsenter", "--target",
		strings.TrimSpace(string(children)), "--net", "--pid", "--mount"}
	if strings.Contains(strings.Join(args, " "), "--map-root-user") {
		r.enter = append(r.enter, "--user", "--preserve-credentials")
	}
	return nil
}

// lockPort takes the port 8080 of this machine, where there are no namespaces:
// the commands of the pages say 8080.
func (r *room) lockPort() error {
	theOnlyPort.Lock()
	r.unlock = theOnlyPort.Unlock
	l, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		return errTaken{fmt.Errorf("the commands need port 8080: %w; end the "+
			"program that has it", err)}
	}
	return l.Close()
}

// terminal returns a terminal of the room, and opens it if it is new.
func (r *room) terminal(name string) (*terminal, error) {
	if t := r.terminals[name]; t != nil {
		return t, nil
	}
	t, err := openTerminal(r.dir, r.enter)
	if err == nil {
		r.terminals[name] = t
	}
	return t, err
}

// close ends all that runs in the room.
func (r *room) close() {
	if r.stdin != nil {
		r.stdin.Close()
	}
	for _, t := range r.terminals {
		t.close()
	}
	if r.keeper != nil && r.keeper.Process != nil {
		_ = r.keeper.Process.Kill()
		_ = r.keeper.Wait()
	}
	// What was killed may still be writing; the system empties /tmp.
	_ = os.RemoveAll(r.dir)
	r.unlock()
}
