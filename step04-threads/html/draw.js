"use strict";

// This script draws what lab.js has loaded: the bars, the legend, the table and the runs of
// other steps. It changes nothing in the answers.

// What the reader may colour by: the part of the Server field, how the server writes it, and
// the title of the legend.
const kinds = {
  process: { part: "pid", of: (server) => server.pid, title: "Responses of each process" },
  thread: { part: "tid", of: (server) => server.tid, title: "Responses of each thread" },
  connection: {
    part: "conn", of: (server) => server.conn, title: "Responses on each connection",
  },
};

const byId = (id) => document.getElementById(id);
const page = document.documentElement;
const form = byId("form");
const chart = byId("chart");

let rows = []; // the rows of the picture; row 0 shows tile 1
let drawing = false; // true when a picture is due
let fixed = 0; // the least length of the time axis in ms


// ---- The bars ---------------------------------------------------------------------------

function prepareChart(count) {
  byId("bad-key").hidden = true;
  byId("table-body").replaceChildren();
  chart.classList.toggle("many", count > 50);
  rows = Array.from({ length: count }, (_, index) => makeRow(index + 1));
  byId("rows").replaceChildren(makeLines(), ...rows);
  draw();
}

function makeRow(number) {
  const row = element("div", "row");
  row.append(element("span", "tile", number), element("div", "track"), element("span", "name"));
  return row;
}

// makeLines makes a place for the lines of the axis, behind the rows.
function makeLines() {
  const lines = element("div", "lines");
  lines.append(element("div", "track"));
  return lines;
}

function showAnswer(answer) {
  if (answer.server !== null) stepName = answer.server.step;
  const row = rows[answer.number - 1];
  const track = row.children[1];
  track.append(...bars(answer, answer.work !== null));
  row.title = describe(answer);
  Object.assign(row.dataset, answer.server, { tile: answer.number, status: answer.status });
  if (answer.status !== 200) {
    track.children[1].classList.add("bad");
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

// bars draws one request. While it waits in the browser it is a thin line. Then the bar is
// pale while the request waits for the server, and full while the server works on it. If the
// server does not say when it worked, all of the bar is full.
function bars(times, worked) {
  const result = [
    bar("queued", times.asked, times.sent),
    bar(worked ? "sent waits" : "sent", times.sent, times.ended),
  ];
  if (worked) result.push(bar("work", times.begun, times.ended));
  return result;
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
  const work = answer.work === null ? "" : `the server began at ${ms(answer.begun)} ms, `;
  return `Tile ${answer.number}: ${who}. Sent at ${ms(answer.sent)} ms, ${work}` +
    `ended at ${ms(answer.ended)} ms.`;
}

// draw draws again what changes with every answer.
function draw() {
  byId("result").hidden = answers.length === 0; // no axis without a response
  if (answers.length === 0) return;
  page.classList.toggle("knows-work", answers.some((answer) => answer.work !== null));
  drawAxis(chart, Math.max(10, fixed, ...answers.map((answer) => answer.ended)));
  drawColours();
  showHints();
}

// drawAxis draws the numbers and the lines of an axis that ends at a time in ms.
function drawAxis(chart, end) {
  const ticks = chart.clientWidth < 500 ? 3 : 8;
  const step = roundStep(end / ticks);
  // A quarter of a step more, so that the last number has room.
  const span = Math.max(end, Math.floor(end / step) * step + step / 4);
  chart.style.setProperty("--span", span);

  const labels = element("div", "track");
  for (let at = 0; at <= span; at += step) {
    const label = element("span", "tick", at === 0 ? "0 ms" : at);
    label.style.setProperty("--at", at);
    labels.append(label);
  }
  chart.querySelector(".axis").replaceChildren(labels);
  for (const track of chart.querySelectorAll(".lines .track")) {
    track.replaceChildren(...Array.from(labels.children, (label) => {
      const line = element("i", "tick");
      line.style.setProperty("--at", label.style.getPropertyValue("--at"));
      return line;
    }));
  }
}

// roundStep gives the next of 1, 2, 5, 10, 20, 50, 100 …
function roundStep(least) {
  const ten = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * ten).find((step) => step >= least);
}


// ---- Colours and the legend -------------------------------------------------------------

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
    paint(row, name, actors.get(name).index);
    row.lastChild.textContent = name;
  }

  // In the legend the numbers stand in order: "conn 9" before "conn 10".
  const sorted = [...actors].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  byId("legend-title").textContent = kind.title;
  byId("legend").replaceChildren(...sorted.map(([name, { index, count }]) => {
    const item = element("li");
    paint(item, name, index);
    item.append(element("i"), `${name} `, element("span", "", `×${count}`));
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


// ---- The table --------------------------------------------------------------------------

function showTable() {
  const sorted = [...answers].sort((a, b) => a.number - b.number);
  byId("table-body").replaceChildren(...sorted.map((answer) => {
    const { server, work, timed } = answer;
    const line = element("tr");
    const number = element("th", "", answer.number);
    number.scope = "row";
    line.append(number);
    const add = (content, name) => line.append(element("td", name, content ?? "unknown"));
    for (const part of ["pid", "tid", "conn", "request"]) add(server?.[part]);
    add(answer.status);
    add(timed ? ms(answer.sent - answer.asked) : null);
    add(ms(answer.sent));
    add(work === null ? null : ms(answer.begun - answer.sent), "with-work");
    add(work === null ? null : ms(work), "with-work");
    add(ms(answer.ended));
    return line;
  }));
}

// showHints tells that a box scrolls: many systems show no scroll bar until it moves.
function showHints() {
  const legend = byId("legend");
  byId("legend-hint").hidden = legend.scrollHeight <= legend.clientHeight;
  byId("legend-hint").textContent = `The list has ${legend.children.length} entries: scroll it.`;
  const box = byId("table-box");
  byId("table-hint").hidden = box.scrollWidth <= box.clientWidth;
}


// ---- The newest run of each step --------------------------------------------------------

// The browser keeps these runs. Another step at the same address is, for the browser, the same
// site, so its page finds them.
const memory = "seven-servers-lab";

function readRuns() {
  try {
    const runs = Object.values(JSON.parse(localStorage.getItem(memory)) ?? {});
    return runs.filter((run) => Array.isArray(run.times) && run.ms > 0)
      .sort((a, b) => a.step < b.step ? -1 : 1);
  } catch {
    return []; // the browser keeps nothing, or somebody else has written there
  }
}

// remember keeps the run that has just ended.
function remember() {
  const facts = countFacts();
  if (facts.signed < answers.length) return;
  const short = (time) => Math.round(time * 10) / 10;
  const run = {
    step: stepName,
    ms: facts.ms,
    work: answers.some((answer) => answer.work === null) ? null :
      Math.round(middle(answers.map((answer) => answer.work))),
    times: [...answers].sort((a, b) => a.number - b.number).map((answer) => ({
      asked: short(answer.asked), sent: short(answer.sent),
      begun: short(answer.begun), ended: short(answer.ended),
    })),
  };
  const runs = [...readRuns().filter((old) => old.step !== stepName), run];
  try {
    localStorage.setItem(memory, JSON.stringify(runs));
  } catch {
    // Then there is nothing to compare with.
  }
  drawRuns();
}

function forgetRuns() {
  try {
    localStorage.removeItem(memory);
  } catch {
    // There was nothing.
  }
  drawRuns();
}

function longestRun() {
  return Math.max(0, ...readRuns().map((run) => run.ms));
}

// drawRuns draws the kept runs one below the other, on one time axis.
function drawRuns() {
  const runs = readRuns();
  byId("compare").hidden = runs.length === 0;
  const different = (part) => new Set(runs.map(part)).size > 1;
  let hint = "The newest run of each step, all on one time axis.";
  if (runs.length === 1) {
    hint = "To compare, stop this step and start another one at the same address. Then reload " +
      "this page and press Load.";
  } else if (different((run) => run.times.length) || different((run) => roughly(run.work))) {
    hint += " But these runs had different numbers of tiles, or different work.";
  }
  byId("compare-hint").textContent = hint;
  byId("runs").replaceChildren(element("div", "axis"), ...runs.map(makeRun));
  drawAxis(byId("runs"), Math.max(10, longestRun()));
}

// roughly makes 101 and 99 ms of work the same.
function roughly(work) {
  return work === null ? null : Math.round(Math.log(work + 1) * 3);
}

function makeRun(run) {
  const item = element("div", "run");
  const work = run.work === null ? "" : `, ${run.work} ms of work each`;
  const title = element("p", "", ` ${plural(run.times.length, "response")} in ${run.ms} ms${work}`);
  title.prepend(element("code", "", run.step));
  const box = element("div", "rows");
  box.style.setProperty("--count", run.times.length);
  box.append(makeLines(), ...run.times.map((times) => {
    const track = element("div", "track");
    track.append(...bars(times, run.work !== null));
    return track;
  }));
  item.append(title, box);
  return item;
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
