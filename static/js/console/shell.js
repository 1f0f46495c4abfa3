// The entry of every page.
import { csrf } from "./dom.js";
import { gettext } from "./i18n.js";
import * as columns from "./columns.js";
import * as dialogs from "./dialogs.js";
import * as drafts from "./drafts.js";
import * as keys from "./keys.js";
import * as lists from "./lists.js";
import * as menus from "./menus.js";
import * as palette from "./palette.js";
import * as times from "./times.js";
import * as toasts from "./toasts.js";
import * as tray from "./tray.js";

function copying(event) {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  navigator.clipboard?.writeText(button.dataset.copy).then(
    () => {
      button.classList.add("done");
      toasts.toast(gettext("Copied"));
      setTimeout(() => button.classList.remove("done"), 1500);
    },
    () => toasts.toast(gettext("The browser did not allow copying."), { level: "bad" }),
  );
}

/** A form is sent once; its button comes back when the page does. */
function sending(event) {
  if (event.defaultPrevented || event.target.method === "dialog" || event.target.hasAttribute("hx-get") || event.target.hasAttribute("hx-post")) return;
  const button = event.submitter;
  if (!button || event.target.method !== "post") return;
  setTimeout(() => button.setAttribute("aria-busy", "true"));
  if (event.target.dataset.sent && Date.now() - Number(event.target.dataset.sent) < 1000) event.preventDefault();
  event.target.dataset.sent = String(Date.now());
}

document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = csrf();
});
document.addEventListener("click", copying);
for (const part of [columns, dialogs, menus, toasts, palette, keys, lists, tray, times, drafts]) part.start();
document.addEventListener("submit", sending);
addEventListener("pageshow", () => document.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy")));

async function charts(root) {
  const found = [...root.querySelectorAll("[data-chart]:not([data-drawn])")];
  if (!found.length) return;
  const { draw } = await import("./charts.js");
  found.forEach(draw);
}
charts(document);
document.body.addEventListener("htmx:afterSettle", (event) => charts(event.target));
document.documentElement.dataset.ready = "true";
