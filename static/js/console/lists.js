// Lists: rows open by a click, split views open beside the list, filters leave short addresses.
import { $, $$ } from "./dom.js";

const narrow = matchMedia("(max-width: 900px)");

function openBeside(link) {
  const detail = $("#detail");
  for (const row of $$("[data-list] tr.open")) {
    row.classList.remove("open");
    row.removeAttribute("aria-current");
  }
  const row = link.closest("tr");
  row.classList.add("open");
  row.setAttribute("aria-current", "true");
  const url = new URL(location.href);
  url.searchParams.set("open", new URL(link.href).pathname);
  history.replaceState(history.state, "", url);
  window.htmx.ajax("GET", link.href, { target: "#detail", swap: "innerHTML" }).then(() => (detail.scrollTop = 0));
}

function onClick(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const target = event.target instanceof Element ? event.target : null;
  const own = target?.closest("a, button, input, label, select, summary, details");
  const row = target?.closest("[data-row]");
  const link = own?.matches(".row-link") ? own : !own && row ? $(".row-link", row) : null;
  if (!link || getSelection().toString()) return;
  if (link.dataset.split !== undefined && $("#detail") && !narrow.matches) {
    event.preventDefault();
    link.focus();
    openBeside(link);
  } else if (link !== own) location.assign(link.href);
}

/** Empty filters stay out of the address, unless leaving them empty says something. */
function shorten(event) {
  const { parameters, elt } = event.detail;
  if (elt.id !== "filters") return;
  for (const [name, value] of Object.entries(Object.fromEntries(parameters))) {
    const field = elt.elements[name];
    if (value === "" && field?.dataset?.keep === undefined) parameters.delete(name);
  }
}

function custom(event) {
  const select = event.target;
  if (!(select instanceof HTMLSelectElement) || select.dataset.period === undefined || select.value !== "custom") return;
  event.stopImmediatePropagation();
  const box = document.createElement("span");
  const make = () => Object.assign(document.createElement("input"), { type: "date" });
  const [first, last] = [make(), make()];
  first.setAttribute("aria-label", select.closest("label").innerText.split("\n")[0]);
  last.setAttribute("aria-label", first.getAttribute("aria-label"));
  const hidden = Object.assign(document.createElement("input"), { type: "hidden", name: select.name });
  box.append(first, " – ", last, hidden);
  select.replaceWith(box);
  first.focus();
  const set = (inner) => {
    inner.stopImmediatePropagation();
    if (!first.value || !last.value) return;
    hidden.value = `${first.value}..${last.value}`;
    box.closest("form").dispatchEvent(new Event("submit", { cancelable: true }));
  };
  first.addEventListener("change", set);
  last.addEventListener("change", set);
}

/** What stands outside the list follows its filters. */
function follow() {
  const query = $("#list")?.dataset.query ?? "";
  for (const field of $$("[data-list-query]")) field.value = query;
  for (const link of $$("[data-export]")) link.setAttribute("href", `?${query ? `${query}&` : ""}export=${link.dataset.export}`);
}

export function start() {
  document.addEventListener("click", onClick);
  document.addEventListener("change", custom, true);
  document.body.addEventListener("htmx:configRequest", shorten);
  document.body.addEventListener("htmx:afterSettle", follow);
  for (const form of $$("#filters")) form.addEventListener("change", (event) => event.target.closest(".chip")?.classList.toggle("on", Boolean(event.target.value)));
}
