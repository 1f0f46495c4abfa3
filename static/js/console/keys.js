// Keys: Ctrl K, ?, / and G then a letter everywhere; J, K, X in lists; data-key presses its button.
import { $, $$, el, isTyping } from "./dom.js";
import * as palette from "./palette.js";

const PATIENCE = 1200;
let waiting = "";
let timer = 0;

/** What a button says, without its keys. */
function named(item) {
  if (item.dataset.keyLabel) return item.dataset.keyLabel;
  const copy = item.cloneNode(true);
  for (const part of $$("kbd, .sr", copy)) part.remove();
  return copy.textContent.trim();
}

function help() {
  const dialog = $("#keys");
  if (!dialog || dialog.open) return;
  $("#keys-lists").hidden = !rowLinks().length;
  $("#keys-select").hidden = !$("[data-list] input[type=checkbox]");
  $("#keys-slash").hidden = !$("[data-slash]");
  const here = $$("[data-key]").filter((item) => item.offsetParent);
  const list = $("#keys-here dl");
  $("#keys-here").hidden = !here.length;
  list.replaceChildren(...here.map((item) => el("div", {}, el("dt", {}, el("kbd", {}, item.dataset.key)), el("dd", {}, named(item)))));
  dialog.showModal();
}

function go(letter) {
  const link = $$("[data-go]").find((item) => item.dataset.go.toLowerCase() === `g ${letter}`);
  if (link) location.assign(link.href);
  return Boolean(link);
}

function press(key) {
  const name = key === " " ? "space" : key.toLowerCase();
  const found = $$("[data-key]").filter((item) => item.offsetParent && item.dataset.key.toLowerCase() === name);
  const target = found.at(-1);
  target?.click();
  return Boolean(target);
}

function rowLinks() {
  return $$("[data-list] .row-link").filter((link) => link.offsetParent);
}

function step(by) {
  const links = rowLinks();
  if (!links.length) return false;
  const active = links.indexOf(document.activeElement);
  const open = links.findIndex((link) => link.closest("tr")?.classList.contains("open"));
  const from = active >= 0 ? active : open;
  const next = links[Math.min(Math.max(from + by, 0), links.length - 1)];
  next.focus();
  next.closest("tr").scrollIntoView({ block: "nearest" });
  return true;
}

function pick() {
  const row = document.activeElement?.closest?.("[data-list] tr") ?? $("[data-list] tr.open");
  const box = row && $("input[type=checkbox]", row);
  box?.click();
  return Boolean(box);
}

const single = { "?": () => (help(), true), j: () => step(1), k: () => step(-1), x: pick };

export function start() {
  $("#keys-button")?.addEventListener("click", help);
  document.addEventListener("click", (event) => event.target.closest?.("[data-keys]") && help());
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette.show();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (waiting === "g") {
      waiting = "";
      clearTimeout(timer);
      if (go(key)) event.preventDefault();
      return;
    }
    if (key === "g") {
      waiting = "g";
      timer = setTimeout(() => (waiting = ""), PATIENCE);
      return;
    }
    if (key === "/") {
      const field = $("[data-slash]");
      if (field) {
        event.preventDefault();
        field.focus();
        field.select();
      }
      return;
    }
    if (key === " " && event.target instanceof Element && event.target.matches("button, a, summary, [tabindex='0']")) return;
    if (key === "Enter" || key === "Tab") return;
    if (key === "Escape" && document.activeElement?.closest("#detail")) {
      $("[data-list] tr.open .row-link")?.focus();
      return;
    }
    if (single[key]?.() || press(event.key)) event.preventDefault();
  });
}
