"use strict";

// Every step of the tutorial signs its responses:
//
//   Server: step04-threads (pid 4242; tid 4250; conn 12; request 1)
//
// The part "tid" is missing on systems that have no thread numbers.
const serverPattern =
  /^(step\d\d\S*) \(pid (\d+)(?:; tid (\d+))?; conn (\d+); request (\d+)\)$/;

// parseServer turns that text into an object.
// It returns null for the text of any other server.
function parseServer(text) {
  const match = serverPattern.exec(text ?? "");
  if (match === null) return null;
  const [, step, pid, tid, conn, request] = match;
  return { step, pid, tid: tid ?? null, conn, request };
}

// A step that was started with -delay also says how many milliseconds it worked on a response:
//
//   Server-Timing: work;dur=100.3
const workPattern = /^work;dur=(\d+(?:\.\d+)?)$/;

// parseWork turns that text into a number, and everything else into null.
function parseWork(text) {
  const match = workPattern.exec(text ?? "");
  return match === null ? null : Number(match[1]);
}

// askServer asks for the headers of this page, and not for the page (HEAD).
async function askServer() {
  const response = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
  return {
    server: parseServer(response.headers.get("Server")),
    length: Number(response.headers.get("Content-Length")),
  };
}
