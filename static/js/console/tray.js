// The tray asks what runs, what needs a person and what waits behind each page; less often when nobody looks.
import { $ } from "./dom.js";
import { number } from "./i18n.js";

const BUSY = 3000;
const CALM = 20000;
let timer = 0;
let last = "";

function show(tray, text) {
  if (text !== last && !tray.contains(document.activeElement)) {
    const parsed = new DOMParser().parseFromString(text, "text/html");
    tray.replaceChildren(...parsed.body.childNodes);
    last = text;
  }
  const body = $(".tray-body", tray);
  if (!body) return 0;
  const running = Number(body.dataset.running);
  const waiting = Number(body.dataset.waiting);
  const failed = Number(body.dataset.failed);
  const count = $("#tray-count");
  count.hidden = !(running || waiting || failed);
  count.textContent = number(running || waiting || failed);
  $("#tray-word").hidden = !running;
  $("#tray-button").classList.toggle("hot", failed > 0);
  const counts = JSON.parse($("#tray-counts", tray)?.textContent ?? "{}");
  for (const place of document.querySelectorAll("[data-count]")) {
    const value = counts[place.dataset.count];
    place.textContent = value ? number(value) : "";
  }
  return running;
}

async function ask() {
  const tray = $("#tray");
  clearTimeout(timer);
  let running = 0;
  try {
    const answer = await fetch(tray.dataset.url, { headers: { "HX-Request": "true" } });
    if (answer.status === 401) return;
    if (answer.ok) running = show(tray, await answer.text());
  } catch {
    /* asked again below */
  }
  timer = setTimeout(() => (document.hidden ? wait() : ask()), running ? BUSY : CALM);
}

function wait() {
  document.addEventListener("visibilitychange", ask, { once: true });
}

export function start() {
  const tray = $("#tray");
  if (!tray) return;
  tray.addEventListener("toggle", (event) => event.newState === "open" && ask());
  document.body.addEventListener("dos:work", ask);
  ask();
}
