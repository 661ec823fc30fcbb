"use strict";

// This script asks for the tiles and says what came. draw.js draws it.

const tile = "tile.svg";
const mostTiles = 200;
const usualTiles = 24;
const patience = 30_000; // ms without any answer; then the lab gives up

const models = {
  "step02-static": "serves one client at a time",
  "step03-process": "gives each connection a process",
  "step04-threads": "gives each connection a thread",
  "step05-coroutine": "gives each connection a goroutine, and Go lets goroutines share threads",
  "step06-nonblocking": "has one thread that tries all connections in turn",
  "step07-epoll": "has one thread, and epoll tells it which connections are ready",
};

const savers = {
  "step06-nonblocking": "Non-blocking sockets save",
  "step07-epoll": "Epoll saves",
};

let answers = []; // of the newest run, in the order in which they arrived
let controller = null; // stops the requests of a run; null when nothing runs
let stepName = null; // "step04-threads", as soon as a server has said it
let chosen = false; // true when the reader has picked a colour


// ---- The run: ask for the tiles ---------------------------------------------------------

async function run(count, note) {
  controller = new AbortController();
  const mine = controller;
  answers = [];
  let failures = 0;
  let reason = "";

  // The browser remembers 250 timings and then forgets to write down new ones.
  performance.clearResourceTimings();
  performance.setResourceTimingBufferSize(count + 100);

  let timer;
  const giveUp = () => {
    reason = "silence";
    mine.abort();
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, patience);
  };

  prepare(count);
  wait();
  const start = performance.now();

  // All requests start now. The browser decides how many of them it sends at once.
  const requests = Array.from({ length: count }, async (_, index) => {
    try {
      const answer = await load(index + 1, start, mine.signal);
      answers.push(answer);
      showAnswer(answer);
    } catch {
      failures++;
      showFailure(index + 1);
    }
    // A failed request counts as news, too: the network has said something.
    if (!mine.signal.aborted) wait();
    showProgress(count, failures);
  });
  await Promise.all(requests);

  clearTimeout(timer);
  controller = null;
  finish(count, failures, mine.signal.aborted ? reason || "stopped" : "", note);
}

// load asks for one tile. It returns what the response and the browser's clock say.
async function load(number, start, signal) {
  // A new address each time, or a cache could answer in place of the server.
  const url = new URL(`${tile}?run=${Math.round(start)}.${Date.now()}&tile=${number}`, location);
  const asked = performance.now();
  const response = await fetch(url, { cache: "no-store", signal });
  // fetch is content with the header. The response ends with the last byte of the body.
  await response.arrayBuffer();
  const ended = performance.now();

  const answer = {
    number,
    status: response.status,
    field: response.headers.get("Server"),
    server: parseServer(response.headers.get("Server")),
    asked: asked - start,
    sent: asked - start,
    work: parseWork(response.headers.get("Server-Timing")), // ms, or null
    ended: ended - start,
    timed: false,
  };

  // The browser's own record is better: it knows when the request left the queue.
  const timing = await findTiming(url.href);
  if (timing !== null) {
    answer.asked = timing.startTime - start;
    answer.sent = timing.requestStart - start;
    answer.ended = timing.responseEnd - start;
    answer.timed = true;
  }
  // The server answers when the work is done: so the work is the last part of the bar.
  // The two clocks may differ by a little, but no work begins before the request.
  answer.begun = Math.max(answer.sent, answer.ended - (answer.work ?? 0));
  return answer;
}

// findTiming waits a moment: the browser may write the record after the last byte.
async function findTiming(url) {
  for (let attempt = 0; attempt < 5; attempt++) {
    const [timing] = performance.getEntriesByName(url, "resource");
    if (timing !== undefined && timing.requestStart > 0) return timing;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return null;
}


// ---- The page before, during and after a run --------------------------------------------

function prepare(count) {
  page.dataset.state = "running";
  byId("run").disabled = true;
  byId("stop").disabled = false;
  byId("message").hidden = true;
  byId("explanation").replaceChildren();
  byId("summary").textContent = `Loading ${plural(count, "tile")} …`;
  byId("progress").max = count;
  byId("progress-line").hidden = false;
  showProgress(count, 0);
  prepareChart(count);
}

// showProgress counts answers and nothing else: a run without them shows an empty bar.
function showProgress(count, failures) {
  byId("progress").value = answers.length;
  byId("progress-text").textContent = `${answers.length} of ${count}` +
    (failures === 0 ? "" : `, ${failures} without an answer`);
}

function finish(count, failures, aborted, note) {
  if (failures === 0) remember();
  draw();
  showTable();
  byId("run").disabled = false;
  byId("stop").disabled = true;
  byId("progress-line").hidden = failures === 0;

  const facts = countFacts();
  byId("summary").textContent = summarize(facts);
  byId("explanation").replaceChildren(...explain(facts).map((text) => element("p", "", text)));
  chart.setAttribute("aria-label", `Waterfall: ${summarize(facts)}. The table has the numbers.`);
  if (fixed > 0) fixAxis(Math.max(fixed, facts.ms));
  complain(count, failures, aborted, note);

  // Last, because a test of this page waits for it.
  if (aborted === "stopped") page.dataset.state = "stopped";
  else page.dataset.state = failures > 0 ? "failed" : "done";
}

// complain tells everything that was not as it should be.
function complain(count, failures, aborted, note) {
  const texts = note === "" ? [] : [note];
  const again = `start it again with go run ./${stepName ?? "stepNN"} and press Load again.`;
  if (aborted === "stopped") {
    texts.push(`You stopped the run. ${plural(failures, "tile")} of ${count} did not arrive.`);
  } else if (aborted === "silence") {
    texts.push(`The server gave no answer for ${patience / 1000} seconds, so the lab gave up: ` +
      `${plural(failures, "tile")} of ${count} did not arrive. It may be busy with others, ` +
      `such as a crowd of silent clients. If it has ended, ${again}`);
  } else if (failures > 0) {
    texts.push(`${plural(failures, "request")} of ${count} got no answer. ` +
      `If the server has ended, ${again}`);
  }

  const bad = answers.filter((answer) => answer.status !== 200);
  if (bad.length > 0) {
    const codes = [...new Set(bad.map((answer) => answer.status))].join(", ");
    texts.push(`${plural(bad.length, "response")} had another status than 200: ${codes}.`);
  }
  const foreign = answers.filter((answer) => answer.server === null);
  if (foreign.length > 0) {
    texts.push(`${plural(foreign.length, "response")} did not say who made it. ` +
      `The Server field was: ${foreign[0].field ?? "missing"}.`);
  }
  const untimed = answers.filter((answer) => !answer.timed);
  if (untimed.length > 0) {
    texts.push(`The browser kept no times for ${plural(untimed.length, "response")}: ` +
      "there the bar includes the time in the browser.");
  }
  if (texts.length > 0) tell(texts.join(" "));
}

function tell(text) {
  byId("message").hidden = false;
  byId("message").textContent = text;
}


// ---- Counting ---------------------------------------------------------------------------

function countFacts() {
  const signed = answers.filter((answer) => answer.server !== null);
  const different = (kind) => {
    const names = signed.map((answer) => kinds[kind].of(answer.server));
    return new Set(names.filter((name) => name !== null)).size;
  };
  return {
    responses: answers.length,
    signed: signed.length,
    processes: different("process"),
    threads: different("thread"),
    connections: different("connection"),
    ms: Math.round(Math.max(0, ...answers.map((answer) => answer.ended))),
  };
}

// summarize gives the one sentence that counts.
function summarize(facts) {
  if (facts.responses === 0) return "No response came";
  let text = `${plural(facts.responses, "response")} in ${facts.ms} ms`;
  if (facts.signed === 0) return text;
  text += ` from ${plural(facts.processes, "process")}`;
  if (facts.threads > 0) text += `, ${plural(facts.threads, "thread")}`;
  return text + `, ${plural(facts.connections, "connection")}`;
}

// explain says what the picture shows, in paragraphs. It names only what this run has counted.
function explain(facts) {
  const { signed, processes, threads, connections } = facts;
  if (signed === 0) return [];
  const model = models[stepName] === undefined ? "" : `${stepName} ${models[stepName]}. `;
  if (signed === 1) return [`${model}One response shows no pattern yet: load more tiles.`];

  let who = "One process";
  if (processes > 1) who = `${processes} processes`;
  else if (threads > 1) who = `${threads} threads of one process`;
  else if (threads === 1) who = "One thread";

  let where = ` on ${plural(connections, "connection")}: a connection stays open ` +
    "and carries the next request";
  if (connections === signed) where = ", each on a connection of its own";

  const noThreads = threads > 0 ? "" : " The Server field names no threads on this system.";
  return [`${model}${who} gave ${signed} responses${where}.${noThreads}`, describeTimes(facts)]
    .filter((text) => text !== "");
}

// describeTimes tells work from waiting.
function describeTimes(facts) {
  const times = answers.filter((answer) => answer.timed);
  if (times.length < 3) return "";
  if (times.some((answer) => answer.work === null)) return describeWaits(times);

  const work = middle(times.map((answer) => answer.work));
  if (work < 20) return tooFast();
  const together = mostAtOnce(times);
  const texts = [`The server worked about ${Math.round(work)} ms on each response, ` +
    (together === 1 ? "on one after the other: the full bars make stairs." :
      `on up to ${together} at the same time: the full bars make blocks.`)];

  const wait = Math.max(...times.map((answer) => answer.begun - answer.sent));
  if (wait > work / 2) {
    texts.push(`A request waited up to ${Math.round(wait)} ms for the server.`);
  } else if (together < times.length) {
    texts.push("Requests hardly waited for the server. They waited in the browser, " +
      "which opens only a few connections to one server.");
  }
  if (together === 1 && facts.connections < facts.signed) {
    texts.push("The connections take turns. A request that comes just after the turn of its " +
      "connection waits for the next one: that is why some bars are longer than others.");
  }
  if (savers[stepName] !== undefined) {
    texts.push(`${savers[stepName]} a server from waiting for its clients, not from work.`);
  }
  return texts.join(" ");
}

// describeWaits knows only when a request was sent, and when its response ended.
function describeWaits(times) {
  const longest = Math.max(...times.map((answer) => answer.ended - answer.sent));
  if (longest < 200) return tooFast();
  return `One response took ${Math.round(longest)} ms. Most of that is waiting: a step that was ` +
    "started without -delay hardly has to work. Did others keep the server busy, such as the " +
    "silent clients below?";
}

function tooFast() {
  return "The responses came so fast that the shape of the picture says little. " +
    `Let the server work on each: go run ./${stepName ?? "stepNN"} -delay 100ms.`;
}

// mostAtOnce: half-way through the work on one response, how many are being worked on?
function mostAtOnce(times) {
  const counts = times.map((one) => {
    const now = (one.begun + one.ended) / 2;
    return times.filter((other) => other.begun <= now && now < other.ended).length;
  });
  return Math.max(...counts);
}

function middle(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}


// ---- The form and the address of the page -----------------------------------------------

// readCount returns a number that the lab can use. If the reader wrote something else,
// the note says so.
function readCount(text) {
  const wanted = Number(text);
  if (text.trim() === "" || Number.isNaN(wanted)) {
    const note = `The lab needs a number from 1 to ${mostTiles}. It takes ${usualTiles}.`;
    return { count: usualTiles, note };
  }
  const count = Math.min(mostTiles, Math.max(1, Math.round(wanted)));
  if (count === wanted) return { count, note: "" };
  return { count, note: `The lab loads 1 to ${mostTiles} tiles: ${count}, not ${text}.` };
}

// The address then says what the picture shows: it can be shared and loaded again.
function writeAddress() {
  const address = new URL(location);
  address.searchParams.set("n", byId("count").value);
  if (chosen) address.searchParams.set("by", form.elements.by.value);
  if (fixed > 0) address.searchParams.set("axis", fixed);
  else address.searchParams.delete("axis");
  history.replaceState(null, "", address);
}

async function runFrom(text) {
  if (controller !== null) return;
  const { count, note } = readCount(text);
  byId("count").value = count;
  writeAddress();
  await run(count, note);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  runFrom(byId("count").value);
});

form.addEventListener("change", (event) => {
  if (event.target.name === "by") {
    chosen = true;
    if (location.protocol !== "file:") writeAddress();
    draw();
  }
  if (event.target.id === "fixed") {
    fixAxis(event.target.checked ? Math.max(1, countFacts().ms, longestRun()) : 0);
  }
});

// fixAxis makes the time axis at least so many milliseconds long; 0: as long as the run. The
// address of the page keeps it, so it is still there when another step serves the page.
function fixAxis(ms) {
  fixed = ms;
  byId("fixed").checked = ms > 0;
  byId("fixed-to").textContent = ms > 0 ? `(${ms} ms)` : "";
  if (location.protocol !== "file:") writeAddress();
  draw();
}

byId("forget").addEventListener("click", () => {
  forgetRuns();
  if (fixed > 0) fixAxis(countFacts().ms);
});

byId("stop").addEventListener("click", () => controller?.abort());
addEventListener("pagehide", () => controller?.abort());
addEventListener("resize", draw);
document.querySelector("details").addEventListener("toggle", showHints);

async function start() {
  if (location.protocol === "file:") {
    byId("run").disabled = true;
    tell("Your browser read this page from the disk, so there is no server to look at. " +
      "Start a step, for example: go run ./step02-static. Then open the address that it prints.");
    return;
  }

  const wishes = new URLSearchParams(location.search);
  if (wishes.get("by") in kinds) {
    chosen = true;
    form.elements.by.value = wishes.get("by");
  }
  const host = location.hostname.replace(/[[\]]/g, ""); // an IPv6 address has brackets
  byId("crowd").textContent = byId("crowd").textContent.replace("127.0.0.1/8080",
    `${host}/${location.port || 80}`);
  const wanted = wishes.get("n") ?? String(usualTiles);
  const { count, note } = readCount(wanted);
  byId("count").value = count;
  if (note !== "") tell(note);
  const axis = Math.round(Number(wishes.get("axis")));
  if (axis > 0 && axis < 1e7) fixAxis(axis);
  drawRuns();

  try {
    const { server } = await askServer();
    if (server === null) {
      tell("The Server field of this server does not name a step. The lab can show times, " +
        "but not who answered.");
    } else {
      stepName = server.step;
      byId("who").textContent = `· ${stepName}`;
    }
  } catch {
    tell("The server does not answer. Start it again and reload this page.");
    return;
  }
  if (wishes.has("auto")) {
    // The browser may still load the icon. A moment later all connections are free.
    await new Promise((resolve) => setTimeout(resolve, 400));
    runFrom(wanted);
  }
}

start();
