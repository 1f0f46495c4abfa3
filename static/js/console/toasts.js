// Short messages at the edge of the page; one may be undone for ten seconds.
import { $, $$, el, icon, post } from "./dom.js";
import { gettext } from "./i18n.js";

const SHOWN = 6000;
const UNDO = 10000;
const icons = { ok: "circle-check", bad: "circle-x", warn: "alert", info: "info" };
const levels = { success: "ok", error: "bad", warning: "warn", info: "info" };

export function toast(text, { level = "ok", title = "", undo = "" } = {}) {
  const region = $("#toasts");
  if (!region) return;
  const said = el("div", { class: "grow" }, title ? el("b", {}, title) : null, text);
  const shown = el("div", { class: `toast ${level}` }, icon(icons[level] ?? "info"), said);
  const close = () => shown.remove();
  if (undo) {
    const button = el("button", { type: "button", class: "btn small" }, gettext("Undo"));
    button.addEventListener("click", async () => {
      button.disabled = true;
      const answer = await post(undo);
      close();
      if (answer.ok) {
        const next = answer.headers.get("HX-Redirect");
        if (next) location.assign(next);
        else location.reload();
      } else toast(gettext("It could not be undone any more."), { level: "bad" });
    });
    shown.append(button);
  }
  shown.append(el("button", { type: "button", class: "btn quiet square small", "aria-label": gettext("Close"), onclick: close }, icon("x")));
  region.append(shown);
  // What went wrong stays until it is read.
  if (level === "bad") return;
  let timer = setTimeout(close, undo ? UNDO : SHOWN);
  shown.addEventListener("pointerenter", () => clearTimeout(timer));
  shown.addEventListener("pointerleave", () => (timer = setTimeout(close, SHOWN)));
}

function unfold() {
  for (const data of $$("#toasts .toast-data")) {
    toast(data.textContent.trim(), { level: levels[data.dataset.level] ?? "ok", title: data.dataset.title, undo: data.dataset.undo });
    data.remove();
  }
}

export function start() {
  unfold();
  document.body.addEventListener("dos:toasts", (event) => event.detail.toasts.forEach((item) => toast(item.text, item)));
  document.body.addEventListener("htmx:afterSwap", unfold);
  document.body.addEventListener("htmx:sendError", () => toast(gettext("The server does not answer. Nothing was lost; try again."), { level: "bad" }));
  document.body.addEventListener("dos:signed-out", () => $("#signed-out")?.showModal());
}
