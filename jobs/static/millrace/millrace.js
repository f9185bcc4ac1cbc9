/* The few lines of our own: everything works without them. */
"use strict";

const root = document.documentElement;

/* Light or dark, remembered in a cookie so that the server draws it right the next time. */
function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  });
}

/* A second click does nothing. The server would know better anyway. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
});

/* A file that is too large is told of before it is sent; the server judges it all the same. */
for (const input of document.querySelectorAll("input[type=file][data-most]")) {
  const said = document.createElement("p");
  said.className = "why";
  said.setAttribute("role", "alert");
  input.after(said);
  input.addEventListener("change", () => {
    const large = [...input.files].find((file) => file.size > Number(input.dataset.most));
    const inMegabytes = (bytes) => `${Math.ceil(bytes / 2 ** 20).toLocaleString("en")} MB`;
    said.textContent = large
      ? `${large.name} has ${inMegabytes(large.size)}; at most ${inMegabytes(input.dataset.most)} are accepted.`
      : "";
  });
}

/* "3 minutes ago" stays true. */
const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
function inWords(seconds) {
  const [size, unit] = UNITS.find(([size]) => seconds >= 2 * size || size === 1);
  const number = Math.round(seconds / size);
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}
function tick() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const passed = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const words = inWords(Math.abs(passed));
    const said = Math.abs(passed) < 2 ? "just now" : passed > 0 ? `${words} ago` : `in ${words}`;
    if (time.textContent !== said) time.textContent = said;
  }
}
setInterval(tick, 1000);

/* A stream says when the job moved. While it is open only what it does not tell (why a job waits) is asked
   for, seldomer; where it breaks, or the server has none, the page asks every second as before. */
const SELDOM = 5000;
let stream = null;
let askedAt = 0;
function follow() {
  const live = document.querySelector("#live[data-events]");
  if (!live || !window.htmx || !window.EventSource) return;
  stream = new EventSource(live.dataset.events);
  let soon = null;
  const moved = () => {
    clearTimeout(soon);
    soon = setTimeout(() => window.htmx.trigger("#live", "moved"), 50);
  };
  for (const name of ["moved", "progress", "log"]) stream.addEventListener(name, moved);
  stream.addEventListener("end", () => { stream.close(); moved(); });
}
addEventListener("load", follow);
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id !== "live") return;
  const isTold = Boolean(event.detail.requestConfig.triggeringEvent);
  const isOpen = stream?.readyState === EventSource.OPEN;
  if (isOpen && !isTold && Date.now() - askedAt < SELDOM) event.preventDefault();
  else askedAt = Date.now();
});

/* Without htmx (a project that does not ship it) a moving page is loaded again now and then. */
addEventListener("load", () => {
  if (!window.htmx && document.querySelector("#live[hx-get]")) setTimeout(() => location.reload(), 5000);
});

/* A log that was scrolled up to be read stays where it is; folds stay open; a new state is read out. */
let kept = null;
document.addEventListener("htmx:beforeSwap", () => {
  const log = document.getElementById("log-lines");
  const folds = [...document.querySelectorAll("#live details[open]")].map((fold) => fold.id);
  const state = document.querySelector(".hero .state")?.textContent.trim();
  kept = { scroll: log ? log.scrollTop : 0, folds, state };
});
document.addEventListener("htmx:afterSwap", () => {
  if (!kept) return;
  const said = document.getElementById("said");
  const state = document.querySelector(".hero .state")?.textContent.trim();
  if (said && state !== kept.state) {
    said.textContent = state;
    // What was said about the state before it is true no more.
    for (const notice of document.querySelectorAll("main > .notice")) notice.remove();
  }
  const log = document.getElementById("log-lines");
  if (log) log.scrollTop = kept.scroll;
  for (const id of kept.folds) document.getElementById(id)?.setAttribute("open", "");
});

/* A choice from a drop-down counts at once, on top of what stands in the box. */
for (const drops of document.querySelectorAll("[data-drops]")) {
  drops.querySelector("[data-apply]").hidden = true;
  drops.addEventListener("change", (event) => {
    drops.elements.filter.value = document.querySelector("[data-search]").value;
    for (const select of drops.querySelectorAll("select")) select.disabled = select !== event.target;
    drops.requestSubmit();
    for (const select of drops.querySelectorAll("select")) select.disabled = false;
  });
}

/* "/" leads to the box; a filter that was refused is marked where it went wrong. */
const box = document.querySelector("[data-search]");
if (box) {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  if (box.dataset.column) box.setSelectionRange(box.dataset.column - 1, box.value.length);
}

/* A secret is copied whole; where the browser does not let us (no https), it is marked to be copied by hand. */
for (const button of document.querySelectorAll("[data-copy]")) {
  const secret = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(secret);
    try {
      await navigator.clipboard.writeText(secret.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Marked: copy it now";
    }
  });
}

/* All of a page at once; the box says whether all, some or none are chosen. */
for (const form of document.querySelectorAll("[data-choose]")) {
  const all = form.querySelector("[data-choose-all]");
  const boxes = [...form.querySelectorAll("[name=item]")];
  const tell = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  };
  all.closest("[hidden]").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  form.addEventListener("change", tell);
  addEventListener("pageshow", tell);
}

/* One more row in a table of inputs. */
for (const rows of document.querySelectorAll("[data-rows]")) {
  const button = rows.querySelector("[data-add-row]");
  const body = rows.querySelector("tbody");
  button.hidden = false;
  button.addEventListener("click", () => {
    const row = body.lastElementChild.cloneNode(true);
    for (const cell of row.querySelectorAll("input, select, textarea")) {
      const next = (text) => text.replace(/-(\d+)-/, (_, number) => `-${Number(number) + 1}-`);
      cell.name = next(cell.name);
      cell.id = next(cell.id);
      cell.setAttribute("aria-label", cell.getAttribute("aria-label").replace(/\d+$/, (n) => Number(n) + 1));
      if (cell.type === "checkbox") cell.checked = false;
      else cell.value = "";
    }
    body.append(row);
    row.querySelector("input, select, textarea").focus();
  });
}
