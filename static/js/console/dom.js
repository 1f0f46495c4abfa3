// Small helpers of the shell.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export function meta(name) {
  return $(`meta[name="${name}"]`)?.content ?? "";
}

/** Build an element from a tag, attributes and children; text is never read as markup. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";
const sprite = new URL("../../icons/sprite.svg", import.meta.url).pathname;

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "ic");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/** The token of this session as it is now; it changes when somebody signs in again in another tab. */
export function csrf() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? $("input[name=csrfmiddlewaretoken]")?.value ?? "";
}

export async function post(url, fields = {}) {
  const body = new URLSearchParams(fields);
  return fetch(url, { method: "POST", body, headers: { "X-CSRFToken": csrf(), "HX-Request": "true" } });
}

/** What the browser keeps for this person in this organization. */
export const store = {
  name: (key) => `dos:${meta("dos-storage")}:${key}`,
  get(key, otherwise = null) {
    try {
      return JSON.parse(localStorage.getItem(this.name(key))) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(this.name(key), JSON.stringify(value));
    } catch {
      /* a full or closed store must not stop the page */
    }
  },
  remove(key) {
    try {
      localStorage.removeItem(this.name(key));
    } catch {
      /* as above */
    }
  },
};

export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
