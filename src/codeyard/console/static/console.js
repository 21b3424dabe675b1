// Live parts and keys. Every page reads and works without this file.
"use strict";

// g then p/b/r/d/t goes to an area, as the links' titles say.
let going = false;
document.addEventListener("keydown", (press) => {
  if (press.target.closest("input, select, textarea") || press.ctrlKey || press.metaKey || press.altKey) return;
  if (going) document.querySelector(`nav [data-key="${CSS.escape(press.key)}"]`)?.click();
  going = press.key === "g";
});

// The pipeline's graph: replaced as the server sends it, unless somebody is typing in it.
const graph = document.querySelector("[data-live]");
if (graph) {
  let waiting = null;
  const show = () => {
    const typing = graph.contains(document.activeElement) && document.activeElement.value;
    if (waiting === null || typing) return;
    const focused = document.activeElement?.textContent;
    const held = graph.contains(document.activeElement);
    graph.innerHTML = waiting;
    waiting = null;
    if (held) [...graph.querySelectorAll("button")].find((b) => b.textContent === focused)?.focus();
  };
  const source = new EventSource(graph.dataset.live);
  source.addEventListener("graph", (message) => { waiting = message.data; show(); });
  graph.addEventListener("focusout", () => setTimeout(show));
}

// A build's log: appended as it comes; the browser resumes by itself with the last event id.
const log = document.querySelector("[data-log]");
if (log) {
  const follow = document.getElementById("follow");
  const source = new EventSource(log.dataset.log);
  source.addEventListener("lines", (message) => {
    const lines = document.createElement("span");
    lines.innerHTML = message.data + "\n";
    log.append(lines);
    if (follow.checked) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("ended", () => { source.close(); });
}
