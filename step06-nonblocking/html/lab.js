"use strict";

const tile = "tile.svg";
const mostTiles = 200;
const usualTiles = 24;
const patience = 30_000; // ms without any answer; then the lab gives up

// What the reader may colour by: the part of the Server field, and how the server writes it.
const kinds = {
  process: { part: "pid", of: (server) => server.pid },
  thread: { part: "tid", of: (server) => server.tid },
  connection: { part: "conn", of: (server) => server.conn },
};

const models = {
  "step02-static": "serves one client at a time",
  "step03-process": "gives each connection a process",
  "step04-threads": "gives each connection a thread",
  "step05-coroutine": "gives each connection a goroutine, and Go lets goroutines share threads",
  "step06-nonblocking": "has one thread that tries all connections in turn",
  "step07-epoll": "has one thread, and epoll tells it which connections are ready",
};

const byId = (id) => document.getElementById(id);
const page = document.documentElement;
const form = byId("form");
const chart = byId("chart");

let answers = []; // of the newest run, in the order in which they arrived
let rows = []; // the rows of the picture; row 0 shows tile 1
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
  byId("bad-key").hidden = true;
  byId("explanation").textContent = "";
  byId("summary").textContent = `Loading ${plural(count, "tile")} …`;
  byId("progress").max = count;
  byId("progress-line").hidden = false;
  byId("result").hidden = false;
  byId("table-body").replaceChildren();
  byId("legend").replaceChildren();

  chart.classList.toggle("many", count > 50);
  rows = Array.from({ length: count }, (_, index) => makeRow(index + 1));
  byId("rows").replaceChildren(element("div", "lines"), ...rows);
  byId("rows").firstChild.append(element("div", "track"));
  showProgress(count, 0);
  draw();
}

function makeRow(number) {
  const row = element("div", "row");
  row.append(element("span", "tile", number), element("div", "track"), element("span", "name"));
  return row;
}

function showProgress(count, failures) {
  byId("progress").value = answers.length + failures;
  byId("progress-text").textContent = `${answers.length} of ${count}` +
    (failures === 0 ? "" : `, ${failures} without an answer`);
}

function finish(count, failures, aborted, note) {
  draw();
  showTable();
  byId("run").disabled = false;
  byId("stop").disabled = true;
  byId("progress-line").hidden = failures === 0;

  const facts = countFacts();
  byId("summary").textContent = summarize(facts);
  byId("explanation").textContent = explain(facts);
  chart.setAttribute("aria-label", `Waterfall: ${summarize(facts)}. The table has the numbers.`);
  complain(count, failures, aborted, note);

  // Last, because a test of this page waits for it.
  if (aborted === "stopped") page.dataset.state = "stopped";
  else page.dataset.state = failures > 0 ? "failed" : "done";
}

// complain tells everything that was not as it should be.
function complain(count, failures, aborted, note) {
  const texts = note === "" ? [] : [note];
  const again = `Start it again with go run ./${stepName ?? "stepNN"} and press Load again.`;
  if (aborted === "stopped") {
    texts.push(`You stopped the run. ${plural(failures, "tile")} of ${count} did not arrive.`);
  } else if (aborted === "silence") {
    texts.push(`The server gave no answer for ${patience / 1000} seconds, so the lab gave up: ` +
      `${plural(failures, "tile")} of ${count} did not arrive. ${again}`);
  } else if (failures > 0) {
    texts.push(`${plural(failures, "request")} of ${count} got no answer. ` +
      `Does the server still run? ${again}`);
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
  let text = `${plural(facts.responses, "response")} in ${facts.ms} ms`;
  if (facts.signed === 0) return text;
  text += ` from ${plural(facts.processes, "process")}`;
  if (facts.threads > 0) text += `, ${plural(facts.threads, "thread")}`;
  return text + `, ${plural(facts.connections, "connection")}`;
}

// explain says what the picture shows. It names only what this run has counted.
function explain(facts) {
  if (facts.signed === 0) return "";
  const { signed, processes, threads, connections } = facts;
  const texts = [];
  if (models[stepName] !== undefined) texts.push(`${stepName} ${models[stepName]}.`);
  if (signed === 1) {
    texts.push("One response shows no pattern yet: load more tiles.");
    return texts.join(" ");
  }

  let who = "One process";
  if (processes > 1) who = `${processes} processes`;
  else if (threads > 1) who = `${threads} threads of one process`;
  else if (threads === 1) who = "One thread";

  let where = ` on ${plural(connections, "connection")}: a connection stays open ` +
    "and carries the next request";
  if (connections === signed) where = ", each on a connection of its own";

  texts.push(`${who} gave ${signed} responses${where}.`);
  if (threads === 0) texts.push("The Server field names no threads on this system.");
  texts.push(describeShape());
  return texts.join(" ");
}

// describeShape compares two things: how long a response takes, and how long after one
// response the next one ends.
function describeShape() {
  const times = answers.filter((answer) => answer.timed);
  if (times.length < 3) return "";
  const ends = times.map((answer) => answer.ended).sort((a, b) => a - b);
  const gaps = ends.slice(1).map((end, index) => end - ends[index]);
  const lengths = times.map((answer) => answer.ended - answer.sent).sort((a, b) => a - b);
  const shortest = lengths[0];
  const longest = lengths.at(-1);

  if (lengths[Math.floor(lengths.length / 2)] < 20) {
    return "The responses came so fast that the shape of the picture says little. " +
      `Slow the server down: go run ./${stepName ?? "stepNN"} -delay 100ms.`;
  }

  const share = (test) => gaps.filter(test).length / gaps.length;
  if (share((gap) => gap > shortest / 2) > 0.8) {
    const mean = (ends.at(-1) - ends[0]) / gaps.length;
    return `The bars form stairs: about every ${Math.round(mean)} ms one response ended, ` +
      `and a request waited up to ${Math.round(longest)} ms for the end of its response. ` +
      "One thread prepares one response at a time: that is what -delay stands for.";
  }
  const together = mostAtOnce(times);
  if (together > 1 && share((gap) => gap < shortest / 4) > 0.5) {
    return `The bars form blocks: up to ${together} requests were under way at the same time ` +
      "and ended almost together." + (together === times.length ? "" : " The others waited " +
      "in the browser: it opens only a few connections to one server.");
  }
  return `Up to ${together} requests were under way at the same time.`;
}

// mostAtOnce: at the moment when a request is sent, how many are on their way?
function mostAtOnce(times) {
  const counts = times.map((one) =>
    times.filter((other) => other.sent <= one.sent && one.sent < other.ended).length);
  return Math.max(...counts);
}


// ---- Drawing ----------------------------------------------------------------------------

let drawing = false;

function showAnswer(answer) {
  if (answer.server !== null) stepName = answer.server.step;
  const row = rows[answer.number - 1];
  const track = row.children[1];
  track.append(
    bar("queued", answer.asked, answer.sent),
    bar("served", answer.sent, answer.ended),
  );
  row.title = describe(answer);
  Object.assign(row.dataset, answer.server, { tile: answer.number, status: answer.status });
  if (answer.status !== 200) {
    track.lastChild.classList.add("bad");
    byId("bad-key").hidden = false;
  }

  // Many answers may arrive between two pictures on the screen: draw once for all of them.
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function showFailure(number) {
  const row = rows[number - 1];
  row.dataset.tile = number;
  row.dataset.failed = "";
  row.lastChild.textContent = "no answer";
}

function bar(name, from, to) {
  const result = element("i", `bar ${name}`);
  result.style.setProperty("--from", from.toFixed(2));
  result.style.setProperty("--to", to.toFixed(2));
  return result;
}

function describe(answer) {
  const { server } = answer;
  const who = server === null ? "unknown" :
    `${server.step}, pid ${server.pid}, ${server.tid === null ? "" : `tid ${server.tid}, `}` +
    `conn ${server.conn}, request ${server.request}`;
  return `Tile ${answer.number}: ${who}. Sent at ${ms(answer.sent)} ms, ` +
    `ended at ${ms(answer.ended)} ms.`;
}

function draw() {
  drawAxis();
  drawColours();
}

function drawAxis() {
  const end = Math.max(10, ...answers.map((answer) => answer.ended));
  const ticks = chart.clientWidth < 500 ? 3 : 8;
  const step = roundStep(end / ticks);
  // Half a step more, so that the last number has room.
  const span = Math.max(end, Math.floor(end / step) * step + step / 4);
  chart.style.setProperty("--span", span);

  const labels = element("div", "track");
  const lines = element("div", "track");
  for (let at = 0; at <= span; at += step) {
    const label = element("span", "tick", at === 0 ? "0 ms" : at);
    const line = element("i", "tick");
    for (const tick of [label, line]) tick.style.setProperty("--at", at);
    labels.append(label);
    lines.append(line);
  }
  byId("axis").replaceChildren(labels);
  byId("rows").firstChild.replaceChildren(lines);
}

// roundStep gives the next of 1, 2, 5, 10, 20, 50, 100 …
function roundStep(least) {
  const ten = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * ten).find((step) => step >= least);
}

function drawColours() {
  if (!chosen) pickColour();
  const kind = kinds[form.elements.by.value];

  // Count, and number the actors in the order in which they first answered.
  const actors = new Map();
  for (const answer of answers) {
    const name = nameOf(answer, kind);
    if (!actors.has(name)) actors.set(name, { index: actors.size, count: 0 });
    actors.get(name).count++;
  }

  const longest = Math.max(9, ...[...actors.keys()].map((name) => name.length));
  chart.style.setProperty("--label", longest);
  for (const answer of answers) {
    const name = nameOf(answer, kind);
    const row = rows[answer.number - 1];
    paint(row.querySelector(".served"), name, actors.get(name).index);
    row.lastChild.textContent = name;
  }

  // In the legend the numbers stand in order: "conn 9" before "conn 10".
  const sorted = [...actors].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  byId("legend").replaceChildren(...sorted.map(([name, { index, count }]) => {
    const item = element("li");
    const swatch = element("i");
    paint(swatch, name, index);
    item.append(swatch, `${name} `, element("span", "", `×${count}`));
    item.dataset.count = count;
    return item;
  }));
}

// pickColour looks for the smallest actor that tells the model.
function pickColour() {
  const facts = countFacts();
  let by = "thread";
  if (facts.processes > 1 || facts.threads === 0) by = "process";
  // One thread, and connections that are used again: the connections are the news.
  if (facts.threads <= 1 && facts.connections > 1 && facts.connections < facts.signed) {
    by = "connection";
  }
  form.elements.by.value = by;
}

function nameOf(answer, kind) {
  const name = answer.server === null ? null : kind.of(answer.server);
  return name === null ? "unknown" : `${kind.part} ${name}`;
}

// paint gives the actor with this number a colour. Steps of the golden angle (137.5 degrees)
// keep neighbours far apart. After 21 steps the hue is almost the old one (8 degrees away),
// so there the three shades move on by one.
function paint(target, name, index) {
  target.classList.remove("actor", "nobody", "shade-0", "shade-1", "shade-2");
  if (name === "unknown") {
    target.classList.add("nobody");
    return;
  }
  const shade = (index + Math.floor(index / 21)) % 3;
  target.classList.add("actor", `shade-${shade}`);
  target.style.setProperty("--hue", ((200 + index * 137.508) % 360).toFixed(1));
}

function showTable() {
  const sorted = [...answers].sort((a, b) => a.number - b.number);
  byId("table-body").replaceChildren(...sorted.map((answer) => {
    const { server } = answer;
    const line = element("tr");
    const number = element("th", "", answer.number);
    number.scope = "row";
    const cells = [
      server?.pid, server?.tid, server?.conn, server?.request, answer.status,
      answer.timed ? ms(answer.sent - answer.asked) : null, ms(answer.sent), ms(answer.ended),
    ];
    line.append(number, ...cells.map((cell) => element("td", "", cell ?? "unknown")));
    return line;
  }));
}


// ---- Small helpers ----------------------------------------------------------------------

function element(tag, className, text) {
  const result = document.createElement(tag);
  if (className) result.className = className;
  if (text !== undefined) result.textContent = text;
  return result;
}

function plural(count, word) {
  if (count === 1) return `1 ${word}`;
  return `${count} ${word}${word.endsWith("s") ? "es" : "s"}`;
}

function ms(time) {
  return time.toFixed(1);
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
  if (event.target.name !== "by") return;
  chosen = true;
  if (location.protocol !== "file:") writeAddress();
  if (answers.length > 0) draw();
});

byId("stop").addEventListener("click", () => controller?.abort());
addEventListener("pagehide", () => controller?.abort());
addEventListener("resize", () => answers.length > 0 && drawAxis());

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
  const wanted = wishes.get("n") ?? String(usualTiles);
  const { count, note } = readCount(wanted);
  byId("count").value = count;
  if (note !== "") tell(note);

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
