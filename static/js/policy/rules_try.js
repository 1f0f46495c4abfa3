// The try-it panel: an input as a form of the contract's fields, or a recent decision; the answer with its trace.
import { $, el, icon } from "../console/dom.js";
import { gettext, language, number } from "../console/i18n.js";
import { call } from "./rules_drafts.js";

const WORDS = { approve: ["ok", gettext("Approved")], reject: ["bad", gettext("Rejected")], review: ["warn", gettext("Review")] };
export const badge = (kind) => el("span", { class: `badge ${WORDS[kind]?.[0] ?? "plain"}` }, WORDS[kind]?.[1] ?? kind);

const shown = (value) => (typeof value === "number" ? number(value) : typeof value === "string" ? value : JSON.stringify(value));

function widget(field, id) {
  const described = { id, name: field.path, "aria-describedby": `${id}-hint` };
  if (field.type === "bool") return el("select", described, el("option", { value: "" }, "–"), el("option", { value: "true" }, gettext("true")), el("option", { value: "false" }, gettext("false")));
  if (field.values.length) return el("select", described, el("option", { value: "" }, "–"), ...field.values.map((value) => el("option", { value: JSON.stringify(value) }, String(value))));
  return el("input", { ...described, type: "text", inputmode: field.type === "int" ? "numeric" : field.type === "double" ? "decimal" : null, autocomplete: "off", spellcheck: "false" });
}

export class Trial {
  constructor({ panel, space, source }) {
    this.space = space;
    this.source = source;
    this.fields = space.fields.filter((field) => !field.path.includes("."));
    this.decision = null;
    this.answer = el("div", { class: "answer", "aria-live": "polite" });
    this.recent = el("select", { id: "try-recent" }, el("option", { value: "" }, gettext("a sample")));
    this.form = el("form", { class: "try-form" });
    for (const field of this.fields) {
      const id = `try-${field.path}`;
      const label = el("label", { for: id }, el("span", { class: "mono" }, field.path), field.required ? el("span", { class: "req", title: gettext("required") }, "*") : null);
      this.form.append(el("div", { class: "try-field" }, label, widget(field, id), el("span", { class: "sr", id: `${id}-hint` }, `${field.type}. ${field.description}`)));
    }
    const run = el("button", { class: "btn primary", type: "submit" }, icon("play"), gettext("Try"));
    this.form.append(el("div", { class: "try-acts" }, run, el("button", { class: "btn quiet", type: "button", onclick: () => this.fill({}) }, gettext("Empty"))));
    const choose = space.can_read && space.can_read_input ? el("div", { class: "try-choose" }, el("label", { for: "try-recent" }, gettext("Input of")), this.recent) : null;
    panel.append(el("div", { class: "pad" }, choose, this.form), this.answer);
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.run()));
    this.form.addEventListener("input", () => {
      this.isTouched = true;
      this.decision = null;
      this.recent.value = "";
    });
    this.recent.addEventListener("change", () => this.choose());
    this.fill(space.sample);
    this.isUsed = false;
  }

  /** Load recent decisions once, when the panel is first looked at. */
  async open() {
    if (this.loaded || !this.space.can_read || !this.space.can_read_input) return;
    this.loaded = true;
    const answer = await call("GET", `rules/recent?contract=${encodeURIComponent(this.space.contract)}`).catch(() => null);
    if (!answer?.ok) return;
    const when = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.past = new Map(answer.data.results.map((row) => [row.decision_id, row]));
    if (answer.data.results.length && !this.isUsed && !this.isTouched) this.first = answer.data.results[0];
    for (const row of answer.data.results) this.recent.append(el("option", { value: row.decision_id }, `${when.format(new Date(row.decided_at))} · ${WORDS[row.class][1]} · ${row.reasons[0] ?? ""}`));
    if (this.first) {
      // A real input says more than a made-up one.
      this.fill(this.first.input);
      this.recent.value = this.decision = this.first.decision_id;
    }
  }

  choose() {
    const row = this.past?.get(this.recent.value);
    this.decision = row?.decision_id ?? null;
    this.fill(row ? row.input : this.space.sample);
    this.recent.value = row?.decision_id ?? "";
    this.decision = row?.decision_id ?? null;
    this.run();
  }

  fill(input) {
    this.decision = null;
    this.recent.value = "";
    for (const field of this.fields) {
      const control = this.form.elements[field.path];
      const value = input[field.path];
      if (value === undefined || value === null) control.value = "";
      else if (field.type === "bool") control.value = String(value);
      else if (field.values.length) control.value = JSON.stringify(value);
      else control.value = typeof value === "string" ? value : JSON.stringify(value);
      control.removeAttribute("aria-invalid");
    }
  }

  input() {
    const found = {};
    for (const field of this.fields) {
      const text = this.form.elements[field.path].value.trim();
      if (text === "") continue;
      if (field.type === "string" && !field.values.length) found[field.path] = text;
      else {
        try {
          found[field.path] = JSON.parse(text.replace(/^(-?\d+),(\d+)$/, "$1.$2"));
        } catch {
          found[field.path] = text;
        }
      }
    }
    return found;
  }

  async run({ quiet = false } = {}) {
    if (quiet && !this.isUsed) return;
    this.isUsed = true;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const body = { contract: this.space.contract, source: this.source() };
    if (this.decision) body.decision_id = this.decision;
    else body.input = this.input();
    const answer = await call("POST", "rules/try", body).catch(() => ({ ok: false, data: { detail: gettext("The server does not answer.") } }));
    if (turn !== this.turn) return;
    for (const control of this.form.elements) control.removeAttribute("aria-invalid");
    if (answer.ok) this.show(answer.data);
    else if (!quiet) this.refuse(answer.data);
  }

  refuse(problem) {
    const list = el("ul", { class: "problems" });
    for (const item of problem.errors ?? []) {
      const control = this.form.elements[String(item.pointer ?? "").replace(/^\/input\//, "")];
      control?.setAttribute?.("aria-invalid", "true");
      list.append(el("li", {}, el("span", { class: "mono" }, item.rule || String(item.pointer ?? "").replace(/^\/input\//, "")), " ", item.message));
    }
    this.answer.replaceChildren(el("div", { class: "pad bad-text" }, el("p", {}, problem.detail ?? gettext("This could not be tried.")), list));
  }

  show(result) {
    const head = el("div", { class: "answer-head" }, badge(result.class), el("span", { class: "faint" }, gettext("confidence %(share)s", { share: number(result.confidence) })));
    if (result.recorded) {
      const same = result.recorded.class === result.class;
      head.append(el("span", { class: same ? "faint" : "warn-text" }, same ? gettext("as it was decided") : gettext("decided as"), " "), same ? "" : badge(result.recorded.class));
    }
    const facts = el("dl", { class: "kv" });
    const fact = (name, value) => value && facts.append(el("dt", {}, name), el("dd", {}, value));
    fact(gettext("Because"), result.reasons.join(", "));
    fact(gettext("Asks for"), result.required_docs.join(", "));
    const flip = result.nearest_flip;
    if (flip) fact(gettext("Would flip"), el("span", {}, el("span", { class: "mono" }, flip.field), ` ${shown(flip.from)} → ${shown(flip.to)} `, badge(flip.class)));
    const trace = el("ol", { class: "trace" });
    for (const row of result.trace) {
      const sign = { true: "check", false: "minus", not_evaluated: "alert" }[row.outcome];
      const words = { true: gettext("holds"), false: gettext("does not hold"), not_evaluated: gettext("not evaluated") }[row.outcome];
      const values = Object.entries(row.values).map(([name, value]) => `${name} ${shown(value)}`).join(" · ");
      const margin = row.margin === null || row.margin === undefined ? "" : row.margin > 0 ? `+${number(row.margin)}` : number(row.margin);
      trace.append(el("li", { class: row.outcome }, icon(sign), el("div", { class: "grow" }, el("span", { class: "strong" }, row.rule), el("span", { class: "sr" }, ` ${words}`), row.ruleset === this.space.ruleset ? null : el("span", { class: "faint" }, ` ${row.ruleset}`), el("div", { class: "why" }, row.cause ?? values)), el("span", { class: "num mono faint", title: gettext("distance to the threshold") }, margin)));
    }
    this.answer.replaceChildren(el("div", { class: "pad stack" }, head, facts), el("h2", { class: "pad-h small-head" }, gettext("Rules in the order they ran")), trace);
  }
}
