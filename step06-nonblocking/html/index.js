"use strict";

// The page says which step serves it. Only the server knows, so the script asks.
async function showServer() {
  const who = document.getElementById("who");
  if (location.protocol === "file:") {
    who.textContent = "No server: your browser read this page from the disk. " +
      "Start a step, then open the address that it prints.";
    return;
  }

  let answer;
  try {
    answer = await askServer();
  } catch {
    who.textContent = "The server sent this page, but it does not answer any more.";
    return;
  }
  showLength(answer.length);

  const server = answer.server;
  if (server === null) {
    who.textContent = "A server sent this page, but it is not one of the seven: " +
      "its Server field has another form.";
    return;
  }
  who.replaceChildren(strong(server.step), describe(server));

  const item = document.getElementById(server.step);
  if (item === null) return;
  item.setAttribute("aria-current", "step");
  // The picture opens the door whose name stands after the "#".
  // A browser keeps this part of an address to itself: the server never sees it.
  document.getElementById("doors").src = "doors.svg#" + server.step;
}

// describe says in words who gave the answer.
function describe(server) {
  const model = document.querySelector(`#${server.step} span`);
  const thread = server.tid === null ? "" : `, thread ${server.tid}`;
  return (model === null ? "" : `: ${model.textContent}`) +
    `. Process ${server.pid}${thread} answered the script of this page: ` +
    `request ${server.request} on connection ${server.conn}.`;
}

function strong(text) {
  const element = document.createElement("strong");
  element.textContent = text;
  return element;
}

function showLength(bytes) {
  if (!(bytes > 0)) return;
  document.getElementById("length").textContent =
    `For this page the server says ${bytes}.`;
}

showServer();
