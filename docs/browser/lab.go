package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/chromedp"
)

// Lab is what lab.html shows.
type Lab struct {
	State       string `json:"state"`   // running, done, failed or stopped
	Who         string `json:"who"`     // the step, in the head of the page
	Message     string `json:"message"` // empty while it is hidden
	Summary     string `json:"summary"` // the sentence that counts
	Explanation string `json:"explanation"`
	Title       string `json:"title"` // of the legend
	Rows        []Row  `json:"rows"`  // of the table: one for each response
}

// Row is one row of the table, as it is written there.
type Row struct {
	Tile    string `json:"tile"`
	PID     string `json:"pid"`
	TID     string `json:"tid"`
	Conn    string `json:"conn"`
	Request string `json:"request"`
	Status  string `json:"status"`
	// Times in ms. Those that only the server knows are "unknown" without
	// -delay.
	Queued string `json:"queued"` // in the browser
	Sent   string `json:"sent"`
	Waited string `json:"waited"` // for the server
	Work   string `json:"work"`   // of the server
	Ended  string `json:"ended"`
}

// readLab collects the fields of a Lab in the page.
const readLab = `(() => {
	const byId = (id) => document.getElementById(id);
	const text = (id) => byId(id).textContent;
	const readRow = (row) => {
		const [tile, pid, tid, conn, request, status,
			queued, sent, waited, work, ended] =
			[...row.cells].map((cell) => cell.textContent);
		return { tile, pid, tid, conn, request, status,
			queued, sent, waited, work, ended };
	};
	return {
		state: document.documentElement.dataset.state ?? "",
		who: text("who"),
		message: byId("message").hidden ? "" : text("message"),
		summary: text("summary"),
		explanation: [...byId("explanation").children]
			.map((paragraph) => paragraph.textContent).join(" "),
		title: text("legend-title"),
		rows: [...byId("table-body").rows].map(readRow),
	};
})()`

// RunLab opens the lab at url, which must say "auto", and waits until its run
// is done.
func RunLab(tab context.Context, url string) (Lab, error) {
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		return Lab{}, fmt.Errorf("cannot load %s: %w", url, err)
	}
	return EndOfRun(tab)
}

// EndOfRun waits until the run in the lab ends and reads the page. When the
// run is not done, or never ends, the error says what the page says.
func EndOfRun(tab context.Context) (Lab, error) {
	ended := Wait(tab, `["done", "failed", "stopped"].includes(
		document.documentElement.dataset.state)`)
	lab, err := ReadLab(tab)
	switch {
	case err != nil && ended != nil:
		return lab, fmt.Errorf("%w; then: %w", ended, err)
	case err != nil:
		return lab, err
	case ended != nil:
		return lab, fmt.Errorf("the run does not end: its state is %q, "+
			"the message %q, the summary %q (%w)",
			lab.State, lab.Message, lab.Summary, ended)
	case lab.State != "done":
		return lab, fmt.Errorf("the run ended as %q: %s",
			lab.State, lab.Message)
	}
	return lab, nil
}

// ReadLab reads the lab as it is now.
func ReadLab(tab context.Context) (Lab, error) {
	lab, err := chromedp.Run(tab, chromedp.Evaluate[Lab](readLab))
	if err != nil {
		return lab, fmt.Errorf("cannot read the lab page: %w", err)
	}
	return lab, nil
}
