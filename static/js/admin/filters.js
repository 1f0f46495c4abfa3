// Filters: a change applies at once, what is empty stays out of the address, texts are suggested.
import { $, $$, el } from "../console/dom.js";

const WAIT = 180;
let timer = 0;
let asked = 0;

function tidy(event) {
  for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
}

async function suggest(field) {
  const mine = ++asked;
  try {
    const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(field.value)}`, { headers: { Accept: "application/json" } });
    if (!answer.ok || mine !== asked) return;
    const { values } = await answer.json();
    $(`#${CSS.escape(field.getAttribute("list"))}`)?.replaceChildren(...values.map((value) => el("option", { value })));
  } catch {
    /* the field takes any text */
  }
}

export function start() {
  const form = $("form[data-tidy]");
  if (!form) return;
  form.addEventListener("submit", tidy);
  addEventListener("pageshow", () => [...form.elements].forEach((field) => (field.disabled = false)));
  form.addEventListener("change", (event) => {
    // A range waits for its second day only where the first one is not whole yet.
    if (event.target.type === "date" && event.target.validity.badInput) return;
    form.requestSubmit();
  });
  for (const field of $$("[data-suggest]", form)) {
    field.addEventListener("focus", () => suggest(field), { once: true });
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => suggest(field), WAIT);
    });
  }
}
