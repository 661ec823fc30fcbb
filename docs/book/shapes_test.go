package book

import "testing"

// lines are lines of a page, and real ones.
var lines = []struct {
	shown, real string
	same        bool
}{
	{"pid 4242 tid 4250", "pid 7 tid 8", true},
	{"pid 4242 tid 4242", "pid 7 tid 8", false},
	{"pid 4242 tid 4250", "pid 7 tid 7", false},
	{"(pid 4242; tid 4250; conn 1)", "(pid 7; tid 8; conn 2)", false},
	{"Date: Mon, 01 Jan 2024 10:00:00 GMT",
		"Date: Sat, 21 Nov 2026 11:11:11 GMT", true},
	{"Date: now", "Date: Sat, 21 Nov 2026 11:11:11 GMT", false},
	{"User-Agent: curl/8.5.0", "User-Agent: curl/7.88.1", true},
	{"GET / HTTP/1.1", "GET / HTTP/1.0", false},
	{"real\t0m2.013s", "real  0m2.4s", true},
	{"real\t0m2.013s", "real\t0m1.003s", false},
	{"user\t0m0.013s", "user\t0m0.290s", true},
	{"took 812 ms", "took 1200 ms", true},
	{"took 812 ms", "took 2 s", false},
	{"dur=100.2", "dur=130.0", true},
	{"dur=100.2", "dur=1001.0", false},
	{"127.0.0.1:8080 127.0.0.1:40000", "127.0.0.1:8080 127.0.0.1:50000",
		true},
	{"127.0.0.1:8080", "127.0.0.1:8081", false},
	{"127.0.0.1:40000 port 40000", "127.0.0.1:50000 port 50001", false},
	{"accept4(3, NULL) = 7", "accept4(6, NULL) = 8", true},
	{"read(7, \"GET\", 4096) = 3", "read(8, \"GET\", 4096) = 3", true},
	{"read(7, \"GET\", 4096) = 3", "read(8, \"GET\", 4096) = 4", false},
	{"fd=7 fd=7", "fd=8 fd=9", false},
	{"HTTP/1.1 200 ...", "HTTP/1.1 200 OK", true},
	{"HTTP/1.1 200 ...", "HTTP/1.1 404 Not Found", false},
	{"pid 4242 ...", "pid 7 says something", true},
	{"a  b ", "a b", true},
	{"a b", "ab", false},
	{"32 of 64", "31 of 64", false},
}

// TestShapes: what differs from run to run may differ, and nothing else may.
func TestShapes(t *testing.T) {
	t.Parallel()
	for _, test := range lines {
		c := console{}
		m := c.newMatcher([]string{test.shown}, []string{test.real})
		if _, same := m.match(newBindings()); same != test.same {
			t.Errorf("%q and %q: the same is %v, expected %v", test.shown,
				test.real, same, test.same)
		}
	}
}

// TestTables: below the head of a table, columns have a shape by their name.
func TestTables(t *testing.T) {
	t.Parallel()
	shown := []string{"  PID TTY          TIME CMD", "4242 pts/0 00:00:01 sh"}
	for _, test := range []struct {
		row  string
		same bool
	}{
		{"   17 pts/3    00:00:00 sh", true},
		{"   17 ?        00:00:00 sh", true},
		{"   17 pts/3    00:00:00 bash", false},
	} {
		c := console{}
		m := c.newMatcher(shown, []string{shown[0], test.row})
		if _, same := m.match(newBindings()); same != test.same {
			t.Errorf("%q: the same is %v, expected %v", test.row, same,
				test.same)
		}
	}
}
