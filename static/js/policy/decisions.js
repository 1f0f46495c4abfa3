// Decisions: chosen columns and row height are kept in cookies, so that the server draws them right at once;
// a list is found again where it was left.
import { $, $$ } from "../console/dom.js";

const YEAR = 31536000;

function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; samesite=strict${location.protocol === "https:" ? "; secure" : ""}`;
}

function columns(menu) {
  menu.addEventListener("change", () => {
    const names = $$("input[type=checkbox]", menu).filter((box) => box.checked).map((box) => box.value);
    keep("decisions_columns", names.join("."));
    window.htmx.ajax("GET", location.href, { target: "#list", swap: "outerHTML" });
  });
  menu.addEventListener("click", (event) => {
    const button = event.target.closest("[data-density]");
    if (!button) return;
    keep("density", button.dataset.density || "roomy");
    $("#decisions").classList.toggle("compact", button.dataset.density === "compact");
    for (const other of $$("[data-density]", menu)) other.setAttribute("aria-pressed", String(other === button));
  });
}

const KEY = "dos:decisions-list";

function remember() {
  if (!$("#list")) return;
  sessionStorage.setItem(KEY, JSON.stringify({ url: location.pathname + location.search, top: scrollY }));
}

/** The way back from a decision's own page leads to the list as it was left. */
function back() {
  const link = $("[data-back-to-list]");
  if (!link) return;
  try {
    const left = JSON.parse(sessionStorage.getItem(KEY));
    if (left?.url?.startsWith("/decisions")) link.setAttribute("href", left.url);
  } catch {
    /* the link leads to the whole list */
  }
}

function restore() {
  try {
    const left = JSON.parse(sessionStorage.getItem(KEY));
    if (left?.url === location.pathname + location.search && $("#list")) scrollTo(0, left.top);
  } catch {
    /* the list starts at its top */
  }
}

for (const menu of $$("[data-columns]")) columns(menu);
document.addEventListener("click", (event) => {
  const open = $("details.pick[open]");
  for (const other of $$("details.pick[open]")) if (!other.contains(event.target)) other.open = false;
  if (open && event.target.closest?.(".row-link")) remember();
});
addEventListener("pagehide", remember);
back();
restore();
