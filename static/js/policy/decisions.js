// Decisions: a list is found again where it was left.
import { $, $$ } from "../console/dom.js";

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

document.addEventListener("click", (event) => {
  const open = $("details.pick[open]");
  for (const other of $$("details.pick[open]")) if (!other.contains(event.target)) other.open = false;
  if (open && event.target.closest?.(".row-link")) remember();
});
addEventListener("pagehide", remember);
back();
restore();
