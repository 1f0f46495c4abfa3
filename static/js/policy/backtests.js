// Backtests: a file is measured before it is sent, sent with its progress in sight, and refused in place.
import { $, csrf } from "../console/dom.js";
import { gettext, number } from "../console/i18n.js";

const MEGABYTE = 1000000;

function complain(form, text) {
  const error = $("#id_rows_error", form);
  error.textContent = text;
  error.closest(".field").classList.toggle("wrong", Boolean(text));
}

/** Say what is wrong with a file before a byte of it is sent; an empty text is good. */
function verdict(form, file) {
  const most = Number(form.dataset.most);
  if (file.size > most)
    return gettext("The file has %(size)s MB; at most %(most)s MB are taken. Send fewer rows, or Parquet.", {
      size: number(file.size / MEGABYTE, 1),
      most: number(most / MEGABYTE, 1),
    });
  if (/\.xlsx?$/i.test(file.name)) return gettext("This is a spreadsheet. Save it as CSV, then send that.");
  if (!/\.(csv|tsv|jsonl|ndjson|parquet|pq)$/i.test(file.name)) return gettext("Send a file that ends in .csv, .jsonl or .parquet.");
  return "";
}

function usesFile(form) {
  return form.elements.source.value === "file";
}

function send(form) {
  const request = new XMLHttpRequest();
  const sending = $(".sending", form);
  const bar = $("progress", sending);
  const said = $("[data-said]", sending);
  const button = $("[data-send]", form);
  const done = (text) => {
    button.disabled = false;
    sending.hidden = true;
    complain(form, text);
  };
  button.disabled = true;
  sending.hidden = false;
  complain(form, "");
  request.upload.addEventListener("progress", (event) => {
    bar.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0;
    said.textContent = bar.value < 100 ? gettext("Sending the file…") : gettext("Looking at it…");
  });
  request.addEventListener("error", () => done(gettext("The connection broke. Nothing was stored; send it again.")));
  request.addEventListener("load", () => {
    const next = request.getResponseHeader("HX-Redirect");
    if (next) {
      location.assign(next);
      return;
    }
    let told = "";
    try {
      const problem = JSON.parse(request.responseText);
      told = [problem.detail, ...(problem.errors ?? []).map((item) => item.message)].filter(Boolean).join(" ");
    } catch {
      /* not a problem document */
    }
    done(told || gettext("That did not work. Send it again."));
  });
  request.open("POST", form.action || location.href);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", csrf());
  request.send(new FormData(form));
}

const form = $("#ask");
if (form) {
  const input = $("#id_rows", form);
  const drop = $("[data-drop]", form);
  input.addEventListener("change", () => complain(form, input.files[0] ? verdict(form, input.files[0]) : ""));
  for (const name of ["dragover", "dragleave", "drop"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name !== "drop" || !event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change"));
    });
  form.addEventListener("submit", (event) => {
    if (!usesFile(form)) return;
    event.preventDefault();
    const file = input.files[0];
    const wrong = file ? verdict(form, file) : gettext("Choose a file.");
    if (wrong) {
      complain(form, wrong);
      input.focus();
    } else send(form);
  });
}
