// Live parts and keys. Every page reads and works without this file.
"use strict";

// g then p/b/r/d/t goes to an area, as the links' titles say. Who speaks to the machine can turn the keys off.
let going = false;
const keys = document.getElementById("keys");
if (keys) {
  keys.closest("footer").hidden = false;
  keys.checked = localStorage.getItem("keys") !== "off";
  keys.addEventListener("change", () => localStorage.setItem("keys", keys.checked ? "on" : "off"));
}
document.addEventListener("keydown", (press) => {
  if (!keys?.checked || press.ctrlKey || press.metaKey || press.altKey) return;
  if (press.target.closest("input:not([type=checkbox]), select, textarea")) return;
  if (going) document.querySelector(`.top [data-key="${CSS.escape(press.key)}"]`)?.click();
  going = press.key === "g";
});

// n and p go to the next and the previous file or comment.
const stops = [...document.querySelectorAll("[data-stop]")];
document.addEventListener("keydown", (press) => {
  const step = { n: 1, p: -1 }[press.key];
  if (!step || !stops.length || !keys?.checked || press.ctrlKey || press.metaKey || press.altKey) return;
  if (press.target.closest("input:not([type=checkbox]), select, textarea")) return;
  const here = stops.lastIndexOf(document.activeElement.closest("[data-stop]"));
  const next = stops[here < 0 ? (step > 0 ? 0 : -1) : here + step];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: next.offsetHeight > innerHeight / 2 ? "start" : "center" });
});

// Marks "viewed" are this browser's own. They belong to the very versions of a file: a new one is not viewed yet.
const marks = document.querySelector("[data-viewed-of]");
if (marks) {
  const key = `viewed:${marks.dataset.viewedOf}`;
  const seen = new Set(JSON.parse(localStorage.getItem(key) ?? "[]"));
  for (const box of document.querySelectorAll("[data-viewed]")) {
    const body = box.closest("section").querySelector("[data-body]");
    box.closest("label").hidden = false;
    box.checked = body.hidden = seen.has(box.dataset.viewed);
    box.addEventListener("change", () => {
      seen[box.checked ? "add" : "delete"](box.dataset.viewed);
      body.hidden = box.checked;
      localStorage.setItem(key, JSON.stringify([...seen].slice(-500)));
    });
  }
}

// A click on a line's number takes the comment's form there.
document.documentElement.classList.add("scripted");
document.addEventListener("click", (click) => {
  const cell = click.target.closest(".diff [data-side]");
  const fold = cell?.closest(".difference").querySelector(".lined");
  if (!fold) return;
  const row = document.createElement("tr"), place = row.appendChild(document.createElement("td"));
  const old = fold.closest("tr");
  row.className = "note";
  place.colSpan = 4;
  cell.closest("tr").after(row);
  place.append(fold);
  old?.remove();
  fold.open = true;
  fold.querySelector("[name=line]").value = cell.textContent;
  fold.querySelector("[name=side]").value = cell.dataset.side;
  fold.querySelector("textarea").focus();
});

// Copy buttons; where the browser keeps the clipboard shut, the text is selected to be copied by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.setAttribute("aria-label", `Copy: ${button.parentElement.querySelector("label").textContent.trim()}`);
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("input");
    try {
      await navigator.clipboard.writeText(text.value);
      document.getElementById("news").textContent = "Copied";
      button.textContent = "Copied";
    } catch {
      text.select();
    }
  });
}

// A part of the page is replaced as the server sends it; focus and what was typed stay. Changed statuses are announced.
const said = (part) => [...part.querySelectorAll("[data-news]")].map((one) => one.dataset.news);
function replace(part, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  if (fresh.innerHTML === part.innerHTML) return; // what the page came with
  const before = said(part), active = part.contains(document.activeElement) ? document.activeElement : null;
  const typed = [...part.querySelectorAll("input[id]")].filter((one) => one.value).map((one) => [one.id, one.value]);
  const caret = active?.selectionStart;
  part.innerHTML = html;
  for (const [id, value] of typed) if (document.getElementById(id)) document.getElementById(id).value = value;
  const again = active?.id && document.getElementById(active.id);
  if (again) {
    again.focus({ preventScroll: true });
    if (caret != null) again.setSelectionRange(caret, caret);
  } else if (active) { // what had the focus is gone: it stays in this part, not at the top of the page
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
  }
  const news = said(part).filter((one) => !before.includes(one));
  if (news.length) document.getElementById("news").textContent = news.join(". ");
}

// A build's log: appended as it comes. The browser resumes by itself, with the id of the last event that it got.
const log = document.getElementById("log");
function append(html) {
  const lines = document.createElement("span");
  lines.innerHTML = html + "\n";
  log.append(lines);
  if (document.getElementById("follow").checked) log.scrollTop = log.scrollHeight;
}

// One line to the server, for as long as somebody can see the page: browsers open only six to a host.
const page = document.querySelector("[data-live]");
let source = null, last = "", ended = false;
function listen() {
  const url = new URL(page.dataset.live, location.href);
  if (last) url.searchParams.set("after", last);
  source = new EventSource(url);
  for (const part of page.querySelectorAll("[data-part]")) {
    source.addEventListener(part.dataset.part, (message) => replace(part, message.data));
  }
  source.addEventListener("lines", (message) => { last = message.lastEventId; append(message.data); });
  source.addEventListener("ended", () => { ended = true; source.close(); });
}
function follow() {
  source?.close();
  source = null;
  if (!document.hidden && !ended) listen();
}
if (page) {
  follow();
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (shown) => { if (shown.persisted) follow(); });
}
if (log) log.scrollTop = log.scrollHeight;
