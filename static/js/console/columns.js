// Chosen columns and the height of rows: kept in cookies, so that the server draws them right at once.
import { $$ } from "./dom.js";

const YEAR = 31536000;

function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; samesite=strict${location.protocol === "https:" ? "; secure" : ""}`;
}

export function start() {
  for (const menu of $$("[data-columns-of]")) {
    menu.addEventListener("change", () => {
      const names = $$("input[type=checkbox]", menu).filter((box) => box.checked).map((box) => box.value);
      keep(`${menu.dataset.columnsOf}_columns`, names.join("."));
      window.htmx.ajax("GET", location.href, { target: "#list", swap: "outerHTML" });
    });
    menu.addEventListener("click", (event) => {
      const button = event.target.closest("[data-density-to]");
      if (!button) return;
      const chosen = button.dataset.densityTo;
      keep("density", chosen || "roomy");
      if (chosen) document.documentElement.dataset.density = chosen;
      else delete document.documentElement.dataset.density;
      for (const other of $$("[data-density-to]", menu)) other.setAttribute("aria-pressed", String(other === button));
    });
  }
}
