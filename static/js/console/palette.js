// The command palette: pages and actions at once, recent places, records as one types.
import { $, $$, el, icon, store } from "./dom.js";
import { gettext } from "./i18n.js";

const RECENT = 8;
const WAIT = 140;
let groups = null;
let records = [];
let shown = [];
let chosen = 0;
let asked = 0;
let timer = 0;

/** Score a label against a text: its letters in order, better when together and at the start of a word. */
export function score(label, text) {
  const name = label.toLowerCase();
  const wanted = text.toLowerCase();
  if (!wanted) return 1;
  const at = name.indexOf(wanted);
  if (at === 0) return 100;
  if (at > 0) return /\W/.test(name[at - 1]) ? 80 : 60;
  let place = -1;
  let found = 0;
  for (const letter of wanted) {
    const next = name.indexOf(letter, place + 1);
    if (next < 0) return 0;
    found += next === place + 1 ? 3 : 1;
    place = next;
  }
  return found / 10;
}

export function remember(label, url) {
  const kept = store.get("recent", []).filter((item) => item.url !== url);
  store.set("recent", [{ label, url }, ...kept].slice(0, RECENT));
}

function found(text) {
  const recent = store.get("recent", []).filter((item) => item.url !== location.pathname + location.search);
  const all = [...(text ? [] : [{ label: gettext("Recent"), items: recent.map((item) => ({ ...item, icon: "history", hint: "" })) }]), ...(groups ?? [])];
  const narrowed = all
    .map((group) => ({ ...group, items: group.items.map((item) => ({ item, score: score(item.label, text) })).filter((entry) => entry.score > 0).sort((a, b) => b.score - a.score).map((entry) => entry.item) }))
    .filter((group) => group.items.length);
  return [...narrowed, ...(text ? records : [])];
}

function draw() {
  const list = $("#palette-list");
  const text = $("#palette-text").value.trim();
  shown = [];
  list.replaceChildren();
  for (const group of found(text)) {
    const name = `palette-group-${shown.length}`;
    const box = el("div", { role: "group", "aria-labelledby": name }, el("div", { class: "group", id: name, role: "presentation" }, group.label));
    for (const item of group.items) {
      const number = shown.push(item) - 1;
      const hint = el("span", { class: "hint" }, item.hint ?? "", ...(item.key ?? "").split(" ").filter(Boolean).map((key) => el("kbd", {}, key.toUpperCase())));
      box.append(el("div", { role: "option", id: `palette-${number}`, "aria-selected": "false", "data-number": number }, icon(item.icon || "arrow-right"), el("span", {}, item.label), hint));
    }
    list.append(box);
  }
  if (!shown.length) list.append(el("div", { class: "none", role: "option", "aria-selected": "false", "aria-disabled": "true" }, text ? gettext("Nothing is called like that.") : gettext("Loading…")));
  choose(0);
}

function choose(number) {
  if (!shown.length) return;
  chosen = (number + shown.length) % shown.length;
  for (const option of $$("#palette-list [data-number]")) option.setAttribute("aria-selected", String(Number(option.dataset.number) === chosen));
  $("#palette-text").setAttribute("aria-activedescendant", `palette-${chosen}`);
  $(`#palette-${chosen}`)?.scrollIntoView({ block: "nearest" });
}

function open(item, fresh) {
  if (!item) return;
  remember(item.label, item.url);
  if (fresh) window.open(item.url, "_blank", "noopener");
  else location.assign(item.url);
}

async function ask(text) {
  const mine = ++asked;
  const url = $("#palette").dataset.url;
  try {
    const answer = await fetch(text ? `${url}?q=${encodeURIComponent(text)}` : url, { headers: { Accept: "application/json" } });
    if (!answer.ok || mine !== asked) return;
    const data = await answer.json();
    if (text) records = data.groups;
    else groups = data.groups;
    draw();
  } catch {
    /* the pages that are known already can still be opened */
  }
}

export function show() {
  const dialog = $("#palette");
  if (!dialog || dialog.open) return;
  $("#palette-text").value = "";
  records = [];
  dialog.showModal();
  draw();
  if (!groups) ask("");
}

export function start() {
  const dialog = $("#palette");
  if (!dialog) return;
  $("#palette-button")?.addEventListener("click", show);
  const input = $("#palette-text");
  input.addEventListener("input", () => {
    draw();
    clearTimeout(timer);
    const text = input.value.trim();
    records = [];
    if (text.length > 1) timer = setTimeout(() => ask(text), WAIT);
  });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) choose(chosen + steps[event.key]);
    else if (event.key === "Home" && !input.value) choose(0);
    else if (event.key === "End" && !input.value) choose(shown.length - 1);
    else if (event.key === "Enter") open(shown[chosen], event.ctrlKey || event.metaKey);
    else return;
    event.preventDefault();
  });
  $("#palette-list").addEventListener("click", (event) => open(shown[Number(event.target.closest("[data-number]")?.dataset.number)], event.ctrlKey || event.metaKey));
  $("#palette-list").addEventListener("pointermove", (event) => {
    const option = event.target.closest("[data-number]");
    if (option) choose(Number(option.dataset.number));
  });
  const title = document.title.split(" · ")[0].trim();
  if (title && !$(".failure")) remember(title, location.pathname + location.search);
}
