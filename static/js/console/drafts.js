// What is written in a form with data-draft survives a reload, a lost session and a closed tab.
import { $$, store } from "./dom.js";

function read(form) {
  const kept = {};
  for (const field of form.elements) {
    if (!field.name || /^(hidden|password|file|submit)$/.test(field.type)) continue;
    if (field.type === "checkbox" || field.type === "radio") (kept[field.name] ??= []).push([field.value, field.checked]);
    else kept[field.name] = field.value;
  }
  return kept;
}

function write(form, kept) {
  for (const field of form.elements) {
    const value = kept[field.name];
    if (value === undefined) continue;
    if (Array.isArray(value)) field.checked = value.some(([name, on]) => name === field.value && on);
    else if (field.type !== "hidden") field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

export function attach(form) {
  const name = `draft:${form.dataset.draft}`;
  const first = JSON.stringify(read(form));
  const kept = store.get(name);
  if (kept && JSON.stringify(kept) !== first) {
    write(form, kept);
    form.dispatchEvent(new CustomEvent("dos:draft", { bubbles: true }));
  }
  let timer = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => store.set(name, read(form)), 250);
  });
  form.addEventListener("reset", () => store.remove(name));
}

export function start() {
  for (const form of $$("form[data-draft]")) attach(form);
  for (const done of $$("[data-draft-done]")) store.remove(`draft:${done.dataset.draftDone}`);
}
