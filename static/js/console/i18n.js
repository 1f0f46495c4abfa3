// Texts of scripts in the language of the page. English is the text itself, so it is never fetched.
import { meta } from "./dom.js";

export const language = document.documentElement.lang || "en";
let catalogue = {};
if (language !== "en") {
  try {
    const answer = await fetch(meta("dos-catalogue"));
    if (answer.ok) catalogue = (await answer.json()).catalog ?? {};
  } catch {
    /* without the catalogue the English text is shown */
  }
}

export function gettext(text, values = {}) {
  const found = catalogue[text];
  const shown = typeof found === "string" ? found : text;
  return shown.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);
}

export function ngettext(one, many, count, values = {}) {
  const found = catalogue[one];
  const shown = Array.isArray(found) ? found[0] : count === 1 ? one : many;
  return shown.replace(/%\((\w+)\)s/g, (whole, name) => (name === "count" ? number(count) : values[name] ?? whole));
}

const format = new Intl.NumberFormat(language);
export const number = (value, digits) =>
  value === null || value === undefined ? "–" : digits === undefined ? format.format(value) : new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
