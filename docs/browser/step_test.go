package browser

import "testing"

// TestParseStart: only the whole line will do, from the right step.
func TestParseStart(t *testing.T) {
	const step = "step04-threads"
	for _, test := range []struct {
		line, url string
		pid       int
	}{
		{"step04-threads: serving http://127.0.0.1:8080/ " +
			"(pid 4242; Ctrl-C to stop)\n", "http://127.0.0.1:8080", 4242},
		{"step04-threads: serving http://127.0.0.1:8080/ " +
			"(pid 4242; Ctrl-C to stop)", "", 0},
		{"step04-threads: serving http://127.0.0.1:8080/ " +
			"(Ctrl-C to stop)\n", "", 0},
		{"step04-threads: serving http://127.0.0.1:8080 " +
			"(pid 4242; Ctrl-C to stop)\n", "", 0},
		{"step05-coroutine: serving http://127.0.0.1:8080/ " +
			"(pid 4242; Ctrl-C to stop)\n", "", 0},
		{"", "", 0},
	} {
		url, pid, err := parseStart(step, test.line)
		if url != test.url || pid != test.pid || (err == nil) == (url == "") {
			t.Errorf("parseStart(%q, %q) = %q, %d, %v, expected %q, %d and "+
				"an error exactly without address", step, test.line, url, pid,
				err, test.url, test.pid)
		}
	}
}
