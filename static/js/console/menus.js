// Menus are native popovers; they stand at their button, load late, and move by arrow keys.
import { $, $$, csrf } from "./dom.js";
import { gettext } from "./i18n.js";

function place(menu) {
  const button = $(`[popovertarget="${menu.id}"]`);
  if (!button) return;
  const at = button.getBoundingClientRect();
  const width = menu.offsetWidth;
  const left = Math.min(Math.max(8, at.left + width > innerWidth - 8 ? at.right - width : at.left), innerWidth - width - 8);
  const below = at.bottom + 6;
  const top = below + menu.offsetHeight > innerHeight - 8 ? Math.max(8, at.top - menu.offsetHeight - 6) : below;
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${top}px`;
}

async function load(menu) {
  const url = menu.dataset.load;
  if (!url) return;
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    menu.replaceChildren(...parsed.body.childNodes);
    window.htmx?.process(menu);
  } catch {
    menu.textContent = gettext("This could not be loaded. Close it and try again.");
  }
  place(menu);
}

function move(menu, step) {
  const items = $$("a[href], button:not(:disabled), input:not([type=hidden])", menu).filter((item) => item.offsetParent);
  const here = items.indexOf(document.activeElement);
  items[(here + step + items.length) % items.length]?.focus();
}

export function start() {
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!(menu instanceof HTMLElement) || !menu.hasAttribute("popover")) return;
      const button = $(`[popovertarget="${menu.id}"]`);
      button?.setAttribute("aria-expanded", String(event.newState === "open"));
      if (event.newState !== "open") return;
      place(menu);
      load(menu);
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    const menu = event.target instanceof Element ? event.target.closest("[popover].menu") : null;
    if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      move(menu, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "ArrowDown" && event.target instanceof Element && event.target.matches("[popovertarget]") && $(`#${event.target.getAttribute("popovertarget")}`)?.matches(":popover-open")) {
      event.preventDefault();
      move($(`#${event.target.getAttribute("popovertarget")}`), 1);
    }
  });
  for (const button of $$("[popovertarget]")) button.setAttribute("aria-expanded", "false");
  document.addEventListener("click", (event) => {
    for (const open of $$("details.pick[open]")) if (!open.contains(event.target)) open.open = false;
  });
  const rail = $("#rail");
  const button = $("#rail-button");
  const fold = (open) => {
    rail.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
    if (open) $("a", rail)?.focus();
  };
  if (rail && button) {
    button.addEventListener("click", () => fold(!rail.classList.contains("open")));
    document.addEventListener("keydown", (event) => event.key === "Escape" && rail.classList.contains("open") && (fold(false), button.focus()));
    document.addEventListener("click", (event) => rail.classList.contains("open") && !rail.contains(event.target) && !button.contains(event.target) && fold(false));
  }
  // The theme changes at once; the form keeps it where there is no script.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-theme-form]")) {
      event.preventDefault();
      const value = event.submitter?.value ?? "system";
      document.cookie = `theme=${value}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
      if (value === "system") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = value;
      for (const option of $$("button", form)) option.setAttribute("aria-pressed", String(option.value === value));
      document.dispatchEvent(new CustomEvent("dos:theme"));
    }
    // A token of an older session would be refused though the person is signed in.
    const token = form.elements?.csrfmiddlewaretoken;
    if (token && csrf()) token.value = csrf();
  });
}
