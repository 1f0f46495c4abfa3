// A decision table as a grid: typed, pasted from a spreadsheet, moved through by keys. The text stays the truth.
import { $, $$, el, icon } from "../console/dom.js";
import { gettext } from "../console/i18n.js";
import { call } from "./rules_drafts.js";

const OUTPUTS = ["class", "reasons", "confidence", "required_docs"];
const POLICIES = ["first", "unique", "any", "priority", "collect"];
const MOST = 400;

const scalar = (value) => JSON.stringify(value ?? null);

/** Write a table as text; JSON is YAML, so that whatever was typed comes back as it was. */
export function write(table) {
  const lines = [`name: ${table.name}`];
  if (table.description) lines.push(`description: ${scalar(table.description)}`);
  lines.push(`hit_policy: ${table.hit_policy}`, "inputs:");
  for (const column of table.inputs) lines.push(column.name === column.expression ? `  - ${scalar(column.name)}` : `  - {name: ${scalar(column.name)}, expression: ${scalar(column.expression)}}`);
  lines.push(`outputs: [${table.outputs.join(", ")}]`, "rows:");
  for (const row of table.rows) {
    const priority = row.priority ? `, priority: ${row.priority}` : "";
    lines.push(`  - {name: ${scalar(row.name)}${priority}, when: [${row.when.map(scalar).join(", ")}], then: [${row.then.map(scalar).join(", ")}]}`);
  }
  return `${lines.join("\n")}\n`;
}

const asText = (value) => (value === null || value === undefined ? "" : Array.isArray(value) ? value.join(", ") : String(value));

/** What was typed into a test: numbers, true and false stay plain, nothing is any value. */
function asTest(text) {
  const typed = text.trim();
  if (typed === "") return "-";
  if (/^-?\d+(\.\d+)?$/.test(typed)) return Number(typed);
  return typed === "true" || typed === "false" ? typed === "true" : typed;
}

function asOutput(text) {
  const typed = text.trim();
  if (typed === "") return null;
  return /^-?\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed;
}

export class Grid {
  constructor({ root, space, onText, onTry }) {
    this.root = root;
    this.space = space;
    this.onText = onText;
    this.onTry = onTry;
    this.at = [0, 1];
    this.problems = [];
  }

  /** Show a text; the last own text needs no reading. */
  async show(text) {
    if (text === this.written && this.table) return this.draw();
    const answer = await call("POST", "rules/table", { source: text, contract: this.space.contract }).catch(() => null);
    if (!answer?.ok) {
      this.table = null;
      const told = answer?.data.errors?.[0]?.message ?? answer?.data.detail ?? gettext("The server does not answer.");
      this.root.replaceChildren(el("div", { class: "empty" }, el("h2", {}, gettext("The text is no table yet")), el("p", {}, told)));
      return undefined;
    }
    this.table = answer.data.table;
    this.written = text;
    return this.draw();
  }

  columns() {
    const { inputs, outputs } = this.table;
    return [{ kind: "name", label: gettext("row") }, ...inputs.map((column, place) => ({ kind: "when", place, label: column.name })), ...outputs.map((name, place) => ({ kind: "then", place, label: name }))];
  }

  value(row, column) {
    return column.kind === "name" ? row.name : asText(row[column.kind][column.place]);
  }

  put(row, column, text) {
    if (column.kind === "name") row.name = text.trim() || row.name;
    else if (column.kind === "when") row.when[column.place] = asTest(text);
    else row.then[column.place] = asOutput(text);
  }

  changed({ focus = true } = {}) {
    this.written = write(this.table);
    this.draw(focus);
    this.onText(this.written);
  }

  newRow() {
    const names = new Set(this.table.rows.map((row) => row.name));
    let number = this.table.rows.length + 1;
    while (names.has(`row_${number}`)) number++;
    return { name: `row_${number}`, priority: 0, when: this.table.inputs.map(() => "-"), then: this.table.outputs.map((name) => (name === "class" ? "review" : null)) };
  }

  draw(focus = false) {
    const columns = this.columns();
    const rows = this.table.rows.slice(0, MOST);
    const head = el("tr", {}, ...columns.map((column, place) => el("th", { scope: "col", class: column.kind, "aria-colindex": place + 1 }, column.kind === "then" ? el("span", { class: "out" }, gettext("then")) : null, column.label, this.dropper(column))));
    const body = rows.map((row, number) => el("tr", { "aria-rowindex": number + 2 }, ...columns.map((column, place) => this.cell(row, number, column, place))));
    const table = el("table", { role: "grid", "aria-label": gettext("Decision table"), "aria-rowcount": this.table.rows.length + 1, "aria-colcount": columns.length, class: "grid-table" }, el("thead", {}, head), el("tbody", {}, ...body));
    this.gridTable = table;
    table.addEventListener("keydown", (event) => this.key(event));
    table.addEventListener("dblclick", (event) => this.edit(event.target.closest("td")));
    table.addEventListener("focusin", (event) => this.moved(event.target.closest("td")));
    table.addEventListener("paste", (event) => this.paste(event));
    table.addEventListener("copy", (event) => this.copy(event));
    this.marks = el("div", { class: "grid-marks", "aria-live": "polite" });
    const rest = this.table.rows.length - rows.length;
    this.root.replaceChildren(this.tools(), el("div", { class: "grid-wrap" }, table), rest > 0 ? el("p", { class: "pad faint" }, gettext("%(count)s more rows are in the text.", { count: rest })) : "", this.marks);
    this.mark(this.problems);
    if (focus) this.focus(...this.at);
  }

  dropper(column) {
    if (column.kind === "name") return null;
    const list = column.kind === "when" ? this.table.inputs : this.table.outputs;
    if (list.length < 2 || column.label === "class") return null;
    return el("button", { type: "button", class: "drop", tabindex: "-1", title: gettext("Remove the column"), "aria-label": gettext("Remove the column %(name)s", { name: column.label }), onclick: () => {
      list.splice(column.place, 1);
      for (const row of this.table.rows) row[column.kind].splice(column.place, 1);
      this.changed();
    } }, icon("x"));
  }

  tools() {
    const known = this.space.fields.map((field) => field.path).filter((path) => !this.table.inputs.some((column) => column.expression === path));
    const add = el("select", { class: "input", "aria-label": gettext("Add a column") }, el("option", { value: "" }, gettext("Add a column…")), el("optgroup", { label: gettext("tests") }, ...known.map((path) => el("option", { value: `when:${path}` }, path))), el("optgroup", { label: gettext("answers") }, ...OUTPUTS.filter((name) => !this.table.outputs.includes(name)).map((name) => el("option", { value: `then:${name}` }, name))));
    add.addEventListener("change", () => {
      const [kind, name] = add.value.split(/:(.*)/);
      if (kind === "when") this.table.inputs.push({ name, expression: name });
      else this.table.outputs.push(name);
      for (const row of this.table.rows) row[kind].push(kind === "when" ? "-" : null);
      this.changed();
    });
    const policy = el("select", { class: "input", "aria-label": gettext("Which rows count") }, ...POLICIES.map((name) => el("option", { value: name, selected: name === this.table.hit_policy }, name)));
    policy.addEventListener("change", () => {
      this.table.hit_policy = policy.value;
      this.changed({ focus: false });
    });
    const button = (name, label, act) => el("button", { type: "button", class: "btn small", onclick: act }, icon(name), label);
    return el("div", { class: "grid-tools" }, button("plus", gettext("Row"), () => this.insert()), add, el("label", { class: "chip" }, el("span", {}, gettext("Rows count")), policy), el("span", { class: "faint small more" }, gettext("Paste cells from a spreadsheet anywhere. Enter edits, arrows move, Alt+arrows move a row, Delete empties.")));
  }

  cell(row, number, column, place) {
    const here = number === this.at[0] && place === this.at[1];
    return el("td", { role: "gridcell", class: column.kind, tabindex: here ? "0" : "-1", "data-row": number, "data-column": place, "aria-colindex": place + 1 }, this.value(row, column) || (column.kind === "when" ? "-" : ""));
  }

  find(row, column) {
    return $(`td[data-row="${row}"][data-column="${column}"]`, this.root);
  }

  focus(row, column) {
    const rows = Math.min(this.table.rows.length, MOST) - 1;
    this.find(Math.min(Math.max(row, 0), rows), Math.min(Math.max(column, 0), this.columns().length - 1))?.focus();
  }

  moved(cell) {
    if (!cell || cell.querySelector("input")) return;
    this.find(...this.at)?.setAttribute("tabindex", "-1");
    this.at = [Number(cell.dataset.row), Number(cell.dataset.column)];
    cell.setAttribute("tabindex", "0");
  }

  edit(cell, first) {
    if (!cell || cell.querySelector("input")) return;
    const [number, place] = [Number(cell.dataset.row), Number(cell.dataset.column)];
    const [row, column] = [this.table.rows[number], this.columns()[place]];
    const before = cell.textContent;
    const list = column.label === "class" ? "grid-classes" : null;
    const input = el("input", { class: "cell-input mono", "aria-label": `${column.label}, ${row.name}`, list, autocomplete: "off", spellcheck: "false" });
    input.value = first ?? this.value(row, column);
    let done = false;
    const end = (keep, [down, right] = [0, 0]) => {
      if (done) return;
      done = true;
      if (keep && input.value !== this.value(row, column)) {
        this.put(row, column, input.value);
        this.at = [number + down, place + right];
        this.changed();
      } else {
        cell.replaceChildren(before);
        this.focus(number + down, place + right);
      }
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") end(false);
      else if (event.key === "Enter") end(true, [event.shiftKey ? -1 : 1, 0]);
      else if (event.key === "Tab") end(true, [0, event.shiftKey ? -1 : 1]);
      else return;
      event.preventDefault();
    });
    input.addEventListener("blur", () => {
      if (done) return;
      done = true;
      if (input.value !== this.value(row, column)) {
        this.put(row, column, input.value);
        this.changed({ focus: false });
      } else cell.replaceChildren(before);
    });
    for (const name of ["paste", "copy", "focusin"]) input.addEventListener(name, (event) => event.stopPropagation());
    cell.replaceChildren(input);
    input.focus();
    if (first === undefined) input.select();
  }

  insert(at = this.at[0] + 1) {
    this.table.rows.splice(at, 0, this.newRow());
    this.at = [at, 1];
    this.changed();
  }

  shift(by) {
    const [number, place] = this.at;
    const to = number + by;
    if (to < 0 || to >= this.table.rows.length) return;
    const [row] = this.table.rows.splice(number, 1);
    this.table.rows.splice(to, 0, row);
    this.at = [to, place];
    this.changed();
  }

  key(event) {
    const cell = event.target.closest("td");
    if (!cell || event.target.matches("input")) return;
    const [row, column] = this.at;
    const last = this.columns().length - 1;
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0] };
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) this.shift(event.key === "ArrowUp" ? -1 : 1);
    else if (moves[event.key]) this.focus(row + moves[event.key][0], column + moves[event.key][1]);
    else if (event.key === "Home") this.focus(event.ctrlKey ? 0 : row, 0);
    else if (event.key === "End") this.focus(event.ctrlKey ? this.table.rows.length - 1 : row, last);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.onTry();
    else if (event.key === "Enter" || event.key === "F2") this.edit(cell);
    else if (event.key === "Insert") this.insert();
    else if (event.key === "Delete" && event.shiftKey) this.remove();
    else if (event.key === "Delete" || event.key === "Backspace") {
      const found = this.columns()[column];
      if (found.kind === "name") return;
      this.put(this.table.rows[row], found, "");
      this.changed();
    } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) this.edit(cell, event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  remove() {
    if (this.table.rows.length < 2) return;
    this.table.rows.splice(this.at[0], 1);
    this.at = [Math.min(this.at[0], this.table.rows.length - 1), this.at[1]];
    this.changed();
  }

  copy(event) {
    if (getSelection().toString()) return;
    event.clipboardData.setData("text/plain", this.value(this.table.rows[this.at[0]], this.columns()[this.at[1]]));
    event.preventDefault();
  }

  async paste(event) {
    const text = event.clipboardData.getData("text/plain");
    if (!text) return;
    event.preventDefault();
    const lines = text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
    if (lines.length > 1 && lines[0].some((title) => /^out:/i.test(title.trim()))) {
      const answer = await call("POST", "rules/table", { cells: text, name: this.table.name, hit_policy: this.table.hit_policy, contract: this.space.contract });
      if (answer.ok) {
        this.table = { ...answer.data.table, description: this.table.description };
        this.at = [0, 1];
        this.changed();
      } else this.marks.replaceChildren(el("p", { class: "pad bad-text" }, answer.data.errors?.[0]?.message ?? answer.data.detail));
      return;
    }
    const columns = this.columns();
    const [top, left] = this.at;
    lines.forEach((cells, down) => {
      while (this.table.rows.length <= top + down) this.table.rows.push(this.newRow());
      cells.forEach((value, right) => columns[left + right] && this.put(this.table.rows[top + down], columns[left + right], value));
    });
    this.changed();
  }

  /** Mark what the check found: cells and rows in place, gaps below, each with an example. */
  mark(problems) {
    this.problems = problems;
    if (!this.table || !this.marks) return;
    for (const cell of $$("td.wrong, td.odd", this.root)) {
      cell.classList.remove("wrong", "odd");
      cell.removeAttribute("aria-invalid");
      cell.removeAttribute("title");
    }
    const list = el("ul", { class: "marks" });
    for (const problem of problems) {
      const at = /^\/rows\/(\d+)(?:\/(when|then)(?:\/(\d+))?)?/.exec(problem.pointer ?? "");
      if (at) {
        const column = at[3] === undefined ? 0 : 1 + Number(at[3]) + (at[2] === "then" ? this.table.inputs.length : 0);
        const cell = this.find(Number(at[1]), column);
        cell?.classList.add(problem.severity === "error" ? "wrong" : "odd");
        cell?.setAttribute("aria-invalid", "true");
        cell?.setAttribute("title", problem.message);
      }
      const example = problem.example ? Object.entries(problem.example).map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(", ") : "";
      const acts = [];
      if (problem.input) acts.push(el("button", { type: "button", class: "btn small", onclick: () => this.onTry(problem.input) }, gettext("Try")));
      if (problem.code === "table_gap") acts.push(el("button", { type: "button", class: "btn small", onclick: () => this.fillGap(problem.example) }, gettext("Add a row for it")));
      list.append(el("li", { class: problem.severity }, icon(problem.severity === "error" ? "circle-x" : "alert"), el("div", { class: "grow" }, el("span", {}, problem.rule && problem.code !== "table_gap" ? `${problem.rule}: ` : "", problem.message), example ? el("div", { class: "why mono" }, gettext("for instance"), ` ${example}`) : null), ...acts));
    }
    this.marks.replaceChildren(problems.length ? list : "");
  }

  /** The open range around a value in which no row of the column names a number. */
  between(place, value) {
    const named = this.table.rows.flatMap((row) => [...String(row.when[place]).matchAll(/-?\d+(?:\.\d+)?/g)].map(Number));
    if (named.includes(value)) return value;
    const low = Math.max(...named.filter((number) => number < value));
    const high = Math.min(...named.filter((number) => number > value));
    if (!Number.isFinite(low) && !Number.isFinite(high)) return "-";
    return !Number.isFinite(low) ? `< ${high}` : !Number.isFinite(high) ? `> ${low}` : `(${low}..${high})`;
  }

  fillGap(example) {
    const row = this.newRow();
    this.table.inputs.forEach((column, place) => {
      const value = example[column.name] ?? example[column.expression];
      row.when[place] = value === undefined ? "-" : typeof value === "string" ? JSON.stringify(value) : typeof value === "number" ? this.between(place, value) : value;
    });
    this.table.rows.push(row);
    this.at = [this.table.rows.length - 1, 1];
    this.changed();
  }
}
