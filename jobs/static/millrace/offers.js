/* What can be written next is offered below the box; the box works as well without. */
const MOST = 12;
const input = document.querySelector("[data-search]");
const list = document.getElementById("offers");
const fields = JSON.parse(list?.dataset.fields ?? "[]");
const QUOTES = /"(?:[^"\\]|\\.)*"?/g;
let chosen = -1;
let shown = [];

/* The word that the caret ends: where it begins, its minus, its field, and the value that is being typed. */
function wordBefore(text) {
  const plain = text.replace(QUOTES, (quoted) => "_".repeat(quoted.length));
  const from = plain.search(/\S*$/);
  const [, minus, rest] = /^(-?)([\s\S]*)$/.exec(text.slice(from));
  const colon = plain.slice(from + minus.length).indexOf(":");
  if (colon < 0) return { from: from + minus.length, minus, field: null, typed: rest, taken: [] };
  const comma = plain.lastIndexOf(",");
  const start = comma > from ? comma + 1 : from + minus.length + colon + 1;
  const taken = text.slice(from + minus.length + colon + 1, Math.max(start - 1, 0)).split(",");
  return { from: start, minus, field: rest.slice(0, colon).toLowerCase(), typed: text.slice(start), taken };
}

/* Those that begin so, then those of which a later part does: `res` finds images.resize. */
function fitting(pairs, typed) {
  const wanted = typed.toLowerCase();
  const begins = pairs.filter(([text]) => text.startsWith(wanted) && text !== typed);
  const holds = pairs.filter(([text]) => text.split(/[._-]/).slice(1).some((part) => part.startsWith(wanted)));
  return [...begins, ...holds.filter((pair) => wanted && !begins.includes(pair))];
}

/* Pairs of text and meaning, and whether the word is whole with it. */
function offersFor(word) {
  if (word.field !== null) {
    const values = fields.find(({ name }) => name === word.field)?.values ?? [];
    return fitting(values, word.typed)
      .filter(([text]) => !word.taken.includes(text))
      .map(([text, means]) => ({ text, means, isWhole: true }));
  }
  const keys = fitting(fields.map(({ name, means }) => [name, means]), word.typed);
  const found = keys.map(([name, means]) => ({ text: `${name}:`, means, isWhole: false }));
  if (word.typed.length > 1) {
    for (const { name, values } of fields.filter(({ name }) => name === "state" || name === "kind")) {
      for (const [text, means] of fitting(values, word.typed)) {
        found.push({ text: `${name}:${text}`, means, isWhole: true });
      }
    }
  }
  return found;
}

function hide() {
  list.hidden = true;
  list.replaceChildren();
  chosen = -1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function show() {
  if (input.selectionStart !== input.selectionEnd) return hide();
  const before = input.value.slice(0, input.selectionStart);
  shown = offersFor(wordBefore(before)).slice(0, MOST);
  if (!shown.length) return hide();
  list.replaceChildren(...shown.map(({ text, means }, number) => {
    const option = document.createElement("li");
    option.id = `offer-${number}`;
    option.role = "option";
    const code = document.createElement("code");
    code.textContent = text;
    const said = document.createElement("span");
    said.textContent = means.replaceAll("`", "");
    option.append(code, said);
    return option;
  }));
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
  mark(-1);
}

function mark(number) {
  chosen = number;
  [...list.children].forEach((option, each) => option.setAttribute("aria-selected", each === number));
  if (number < 0) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", `offer-${number}`);
  list.children[number].scrollIntoView({ block: "nearest" });
}

function take(number) {
  const caret = input.selectionStart;
  const word = wordBefore(input.value.slice(0, caret));
  const { text, isWhole } = shown[number];
  const after = input.value.slice(caret);
  const gap = isWhole && !/^[\s,]/.test(after) ? " " : "";
  input.setRangeText(text + gap, word.from, caret, "end");
  show();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const isOpen = !list.hidden;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!isOpen) return show();
    const step = event.key === "ArrowDown" ? 1 : -1;
    const places = shown.length + 1;
    mark((chosen + 1 + step + places) % places - 1);
  } else if (isOpen && event.key === "Escape") {
    event.preventDefault();
    hide();
  } else if (isOpen && chosen >= 0 && (event.key === "Enter" || event.key === "Tab")) {
    event.preventDefault();
    take(chosen);
  }
}

if (input && list && fields.length) {
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "offers"],
    ["aria-expanded", "false"]]) input.setAttribute(name, value);
  input.addEventListener("input", show);
  input.addEventListener("click", show);
  input.addEventListener("keydown", onKey);
  input.addEventListener("blur", hide);
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("li");
    if (option) take([...list.children].indexOf(option));
  });
}
