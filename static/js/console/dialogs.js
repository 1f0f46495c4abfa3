// Dialogs open by data-dialog, close by data-close, and confirm what is dangerous.
import { $, el } from "./dom.js";
import { gettext } from "./i18n.js";

/** Ask before something dangerous; with `name` it has to be typed. */
export function confirm({ title, text = "", yes = gettext("Go on"), name = "", danger = false }) {
  const dialog = $("#confirm");
  $("#confirm-title").textContent = title;
  $("#confirm-text").textContent = text;
  const button = $("#confirm-yes");
  button.textContent = yes;
  button.classList.toggle("danger", danger);
  button.classList.toggle("primary", !danger);
  const typed = $("#confirm-name");
  const input = $("input", typed);
  typed.hidden = !name;
  input.value = "";
  $(".label", typed).replaceChildren(gettext("Type the name to confirm:"), " ", el("code", {}, name));
  const check = () => (button.disabled = Boolean(name) && input.value !== name);
  input.oninput = check;
  check();
  return new Promise((done) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}

export function start() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-dialog]");
    if (opener) {
      $(`#${CSS.escape(opener.dataset.dialog)}`)?.showModal();
      return;
    }
    if (event.target.closest?.("[data-close]")) event.target.closest("dialog")?.close();
    if (event.target instanceof HTMLDialogElement && event.target.open && event.target.id !== "signed-out") event.target.close();
  });
  document.addEventListener(
    "submit",
    async (event) => {
      const form = event.target;
      const wanted = event.submitter?.dataset.confirm ?? form.dataset?.confirm;
      if (!wanted || form.dataset.confirmed) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const from = event.submitter?.dataset.confirm ? event.submitter.dataset : form.dataset;
      const sure = await confirm({ title: wanted, text: from.confirmText, yes: from.confirmYes, name: from.confirmName, danger: from.confirmDanger !== undefined });
      if (!sure) return;
      form.dataset.confirmed = "1";
      form.requestSubmit(event.submitter);
      delete form.dataset.confirmed;
    },
    true,
  );
}
