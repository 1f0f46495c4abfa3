// Rows: J and K move, Enter opens, X chooses; what can be done with the chosen ones stands above them.
import { $, $$ } from "../console/dom.js";

function count(form) {
  const boxes = $$("input.action-select", form);
  const chosen = boxes.filter((box) => box.checked);
  const bar = $("#picked", form);
  for (const box of boxes) box.closest("tr").classList.toggle("picked", box.checked);
  if (bar) {
    bar.hidden = !chosen.length;
    $("[data-picked]", bar).textContent = String(chosen.length);
  }
  const all = $("#action-toggle", form);
  if (all) {
    all.checked = chosen.length > 0 && chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && chosen.length < boxes.length;
  }
}

export function start() {
  const form = $("form[data-picking]");
  if (!form) return;
  form.addEventListener("change", (event) => {
    if (event.target.id === "action-toggle") for (const box of $$("input.action-select", form)) box.checked = event.target.checked;
    count(form);
  });
  addEventListener("pageshow", () => count(form));
  count(form);
}
