// The editor's page: text or grid on the left, problems, trial, coverage and fields beside it, drafts underneath.
import { $, $$, el, icon, store } from "../console/dom.js";
import { gettext, language, ngettext, number } from "../console/i18n.js";
import { confirm } from "../console/dialogs.js";
import { toast } from "../console/toasts.js";
import { EditorState, EditorView, MergeView } from "../../vendor/codemirror/codemirror.min.js";
import { call, Keeper } from "./rules_drafts.js";
import { Grid } from "./rules_grid.js";
import { common, create } from "./rules_text.js";
import { badge, Trial } from "./rules_try.js";

const space = JSON.parse($("#workbench-data").textContent);
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
let checked = { is_valid: false, problems: [], rules: [], kind: "rules" };
let reach = null;
let isGrid = false;
let turn = 0;
let timer = 0;
let measuring = 0;

// --- the state of the draft, in words -------------------------------------------------------------------

function based() {
  const words = keeper.base ? gettext("from %(version)s", { version: keeper.base }) : gettext("a new ruleset");
  $("#based").textContent = space.in_force && space.in_force !== keeper.base ? `${words} · ${gettext("in force: %(version)s", { version: space.in_force })}` : words;
}

function notice(level, text, ...more) {
  const place = $("#notice");
  place.hidden = !text;
  if (text) place.replaceChildren(el("div", { class: `banner ${level}`, role: level === "bad" ? "alert" : "status" }, icon(level === "bad" ? "circle-x" : "alert"), el("div", {}, text), ...more));
}

function state(name, detail) {
  const words = {
    changed: gettext("changed"),
    saving: gettext("saving…"),
    saved: name === "saved" && detail ? gettext("draft saved at %(time)s", { time: clock.format(new Date(detail)) }) : space.draft || keeper.revision ? gettext("draft saved") : gettext("nothing changed"),
    offline: gettext("kept in this browser; the server does not answer"),
    "signed-out": gettext("kept in this browser; your session has ended"),
    denied: gettext("kept in this browser; you may not write here any more"),
    refused: detail || gettext("this could not be saved"),
  };
  $("#saved").textContent = ` · ${words[name]}`;
  const isBad = ["offline", "signed-out", "denied", "refused"].includes(name);
  $("#saved").classList.toggle("warn-text", isBad);
  if (name === "signed-out") {
    notice("warn", gettext("Your session has ended. What you write is kept in this browser: sign in in a new tab and it is saved at once."), el("a", { class: "btn", href: "/login", target: "_blank", rel: "noopener" }, gettext("Sign in")));
  } else if (name === "denied") notice("bad", gettext("You may not change rules here any more. Your text is kept in this browser; nothing was changed."));
  else if (name === "saved") notice("", "");
}

// --- conflicts ------------------------------------------------------------------------------------------

function sides(parent, left, right) {
  parent.replaceChildren();
  const extensions = [...common(space), EditorState.readOnly.of(true), EditorView.editable.of(false)];
  const attributes = (label) => EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" });
  return new MergeView({ a: { doc: left, extensions: [...extensions, attributes(gettext("Yours"))] }, b: { doc: right, extensions: [...extensions, attributes(gettext("Theirs"))] }, parent, collapseUnchanged: { margin: 3, minSize: 6 } });
}

/** Ask how two texts become one; nothing is lost whatever is chosen. */
function conflict({ title, text, theirs, mine, their, merge, settle }) {
  const dialog = $("#conflict-dialog");
  $("#conflict-title").textContent = title;
  $("#conflict-text").textContent = text;
  $("#conflict-theirs").textContent = theirs;
  sides($("#conflict-view"), mine, their);
  const merged = $("[data-choose=merged]", dialog);
  merged.textContent = merge.is_clean ? gettext("Take both") : gettext("Take both, settle %(count)s places", { count: merge.conflicts.length });
  const choices = { theirs: their, mine, merged: merge.text };
  let isSettled = false;
  dialog.onclose = () => {
    if (!isSettled) notice("warn", title, el("button", { type: "button", class: "btn", onclick: () => dialog.showModal() }, gettext("Settle it")));
  };
  for (const button of $$("[data-choose]", dialog)) {
    button.onclick = () => {
      isSettled = true;
      notice("", "");
      dialog.close();
      store.set(`rules:before:${space.contract}:${space.ruleset}`, { mine, their });
      editor.setText(choices[button.dataset.choose]);
      settle(choices[button.dataset.choose]);
      based();
      check();
      if (isGrid) grid.show(editor.text());
    };
  }
  dialog.showModal();
}

function onConflict(problem) {
  conflict({
    title: gettext("This draft was saved in another window"),
    text: gettext("Nothing was overwritten. Here is what you have, beside what was saved there."),
    theirs: gettext("Saved at %(time)s", { time: clock.format(new Date(problem.stored.saved_at)) }),
    mine: problem.given.text,
    their: problem.stored.text,
    merge: problem.merge,
    settle: () => keeper.settle({ revision: problem.stored.revision, saved: problem.stored.text, base: problem.stored.base_version }),
  });
}

function onMoved(problem) {
  conflict({
    title: gettext("%(version)s was saved since you began", { version: problem.stored.version }),
    text: gettext("A colleague made a version in the meantime. Join both, then save yours as the next one."),
    theirs: `${problem.stored.name} ${problem.stored.version}`,
    mine: problem.given.text,
    their: problem.stored.source,
    merge: problem.merge,
    settle: () => {
      space.newest = problem.stored.version;
      space.proposed = "";
      keeper.settle({ base: problem.stored.version });
    },
  });
}

// --- checks ---------------------------------------------------------------------------------------------

const shownExample = (example) => Object.entries(example).map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(", ");

function drawProblems() {
  const panel = $("#panel-problems");
  const count = checked.problems.length;
  $("#problem-count").textContent = count ? number(count) : "";
  const list = el("ul", { class: "marks" });
  for (const problem of checked.problems) {
    const place = el("button", { type: "button", class: "link at-line", onclick: () => (show("text"), editor.goTo(problem.line, problem.column)) }, gettext("line %(line)s", { line: problem.line }));
    const acts = problem.input ? el("button", { type: "button", class: "btn small", onclick: () => tryIt(problem.input) }, gettext("Try")) : null;
    list.append(el("li", { class: problem.severity }, icon(problem.severity === "error" ? "circle-x" : "alert"), el("div", { class: "grow" }, el("div", {}, problem.rule && !problem.code.startsWith("table_") || problem.code === "table_overlap" ? el("span", { class: "strong" }, `${problem.rule} `) : null, problem.message), el("div", { class: "why" }, place, problem.example ? ` · ${gettext("for instance")} ${shownExample(problem.example)}` : "")), acts));
  }
  panel.replaceChildren(count ? list : el("div", { class: "empty small-empty" }, icon("circle-check"), el("p", {}, gettext("The check finds nothing. Try it on an input, or look at what the rules reach."))));
  const errors = checked.problems.filter((problem) => problem.severity === "error").length;
  $("#verdict").className = `verdict ${checked.is_valid ? (count ? "warn-text" : "ok-text") : "bad-text"}`;
  $("#verdict").replaceChildren(icon(checked.is_valid && !count ? "circle-check" : checked.is_valid ? "alert" : "circle-x"), checked.is_valid ? (count ? ngettext("%(count)s thing to look at", "%(count)s things to look at", count) : gettext("can become a version")) : ngettext("%(count)s error", "%(count)s errors", Math.max(errors, 1)));
  $("#save-version").disabled = !checked.is_valid;
  $("#save-version").title = checked.is_valid ? "" : gettext("Correct the errors first; the draft is kept meanwhile.");
}

function drawNotes() {
  const byRule = new Map((reach?.rules ?? []).filter((rule) => rule.ruleset === space.ruleset).map((rule) => [rule.rule, rule]));
  const odd = new Map(checked.problems.filter((problem) => problem.rule && ["unreachable_rule", "unreachable_row", "conflicting_rules", "duplicate_rule", "never_true"].includes(problem.code)).map((problem) => [problem.rule, problem]));
  const items = [];
  for (const rule of checked.rules) {
    const found = byRule.get(rule.name);
    const problem = odd.get(rule.name);
    if (problem) items.push({ line: rule.line, text: problem.message, tone: problem.severity === "error" ? "bad" : "warn" });
    else if (found && reach.rows) {
      const parts = [found.hits ? gettext("holds %(hits)s of %(rows)s", { hits: number(found.hits), rows: number(reach.rows) }) : gettext("never holds in %(rows)s", { rows: number(reach.rows) })];
      if (found.shadowed) parts.push(gettext("%(count)s× behind %(by)s", { count: number(found.shadowed), by: found.shadowed_by }));
      items.push({ line: rule.line, text: parts.join(" · "), tone: found.hits ? "" : "warn" });
    }
  }
  editor.setNotes(items);
}

function drawReach() {
  const panel = $("#panel-rules");
  if (!space.can_try) return panel.replaceChildren(el("p", { class: "pad muted" }, gettext("You may not try rules here; ask for decision.simulate.")));
  if (!reach) return panel.replaceChildren(el("p", { class: "pad faint" }, checked.is_valid ? gettext("Measuring…") : gettext("Shown once the text can be read.")));
  if (!reach.rows) return panel.replaceChildren(el("p", { class: "pad muted" }, gettext("Nothing was decided yet. Once it was, this shows which rules are reached.")));
  const head = el("p", { class: "pad muted" }, gettext("The %(rows)s newest decisions, decided again by this text; nothing is recorded.", { rows: number(reach.rows) }));
  const classes = el("div", { class: "pad classes" }, ...["approve", "review", "reject"].map((kind) => el("span", {}, badge(kind), " ", el("b", { class: "num" }, number(reach.classes[kind] ?? 0)))));
  const list = el("ul", { class: "reach" });
  for (const rule of reach.rules.filter((item) => item.ruleset === space.ruleset)) {
    const facts = checked.rules.find((item) => item.name === rule.rule);
    const words = [rule.hits ? gettext("holds %(hits)s times", { hits: number(rule.hits) }) : gettext("never holds")];
    if (rule.decided) words.push(gettext("decides %(count)s", { count: number(rule.decided) }));
    if (rule.not_evaluated) words.push(gettext("%(count)s without its data", { count: number(rule.not_evaluated) }));
    const shadow = rule.shadowed ? el("div", { class: "why warn-text" }, gettext("%(count)s times not asked: %(by)s stops before it", { count: number(rule.shadowed), by: rule.shadowed_by })) : null;
    const meter = el("meter", { min: "0", max: String(reach.rows), value: String(rule.hits), "aria-label": rule.rule });
    list.append(el("li", {}, el("div", { class: "grow" }, el("button", { type: "button", class: "link strong", onclick: () => facts && (show("text"), editor.goTo(facts.line)) }, rule.rule), el("div", { class: `why${rule.hits ? "" : " warn-text"}` }, words.join(" · ")), shadow), meter));
  }
  return panel.replaceChildren(head, classes, list);
}

async function measure() {
  if (!space.can_try || !checked.is_valid) return;
  const mine = ++measuring;
  const answer = await call("POST", "rules/coverage", { contract: space.contract, source: editor.text() }).catch(() => null);
  if (mine !== measuring || !answer?.ok) return;
  reach = answer.data;
  drawReach();
  drawNotes();
}

async function check() {
  const mine = ++turn;
  const answer = await call("POST", "rules/lint", { source: editor.text(), contract: space.contract }).catch(() => null);
  if (mine !== turn || !answer?.ok) return;
  checked = answer.data;
  editor.setProblems(checked.problems);
  $("[data-show=grid]").hidden = checked.kind !== "table";
  if (checked.kind !== "table" && isGrid) show("text");
  drawProblems();
  drawNotes();
  grid.mark(checked.problems);
  if (checked.is_valid) {
    trial.run({ quiet: true });
    measure();
  }
}

function changed() {
  keeper.changed();
  clearTimeout(timer);
  timer = setTimeout(check, 300);
}

// --- panels ---------------------------------------------------------------------------------------------

function tab(name) {
  for (const button of $$("[role=tab]")) {
    const isOn = button.id === `tab-${name}`;
    button.setAttribute("aria-selected", String(isOn));
    button.tabIndex = isOn ? 0 : -1;
    $(`#${button.getAttribute("aria-controls")}`).hidden = !isOn;
  }
  if (name === "try") trial.open();
  if (name === "rules") drawReach();
}

function tryIt(input) {
  if (!space.can_try) return;
  tab("try");
  if (input && !(input instanceof Event)) trial.fill(input);
  trial.run();
}

function show(name) {
  isGrid = name === "grid";
  $("#text-view").hidden = isGrid;
  $("#grid-view").hidden = !isGrid;
  for (const button of $$("[data-show]")) button.setAttribute("aria-pressed", String(button.dataset.show === name));
  if (isGrid) grid.show(editor.text()).then?.(() => grid.mark(checked.problems));
  else editor.measure();
}

function drawFields() {
  const list = el("ul", { class: "fields" });
  for (const field of space.fields) {
    const allowed = field.values.length ? field.values.join(", ") : field.minimum !== null || field.maximum !== null ? `${field.minimum ?? "…"} … ${field.maximum ?? "…"}` : "";
    list.append(el("li", {}, el("div", {}, el("button", { type: "button", class: "link mono strong", title: gettext("Write it at the cursor"), onclick: () => { show("text"); editor.view.dispatch(editor.view.state.replaceSelection(field.path)); editor.view.focus(); } }, field.path), field.required ? el("span", { class: "req", title: gettext("required") }, "*") : null, el("span", { class: "faint" }, ` ${field.type}`)), field.description ? el("div", { class: "why" }, field.description) : null, allowed ? el("div", { class: "why mono" }, allowed) : null));
  }
  $("#panel-fields").replaceChildren(list);
}

// --- versions -------------------------------------------------------------------------------------------

async function saveVersion(event) {
  event.preventDefault();
  const form = $("#version-form");
  const told = $("#version-error");
  const button = $("#version-yes");
  button.disabled = true;
  told.hidden = true;
  const body = { source: editor.text(), contract: space.contract, version: form.elements.version.value.trim(), note: form.elements.note.value, base_version: keeper.base };
  const answer = await call("POST", `rulesets/${space.ruleset}/versions`, body).catch(() => ({ ok: false, status: 0, data: { detail: gettext("The server does not answer. Nothing was lost; try again.") } }));
  button.disabled = false;
  if (answer.ok) {
    keeper.finish();
    location.assign(space.urls.activate.replace("VERSION", encodeURIComponent(answer.data.version)));
  } else if (answer.data.code === "ruleset_moved") {
    $("#version-dialog").close();
    onMoved(answer.data);
  } else {
    const first = answer.data.errors?.[0];
    told.textContent = first ? `${answer.data.detail} ${first.line ? gettext("line %(line)s", { line: first.line }) : ""}` : answer.data.detail;
    if (answer.status === 401) told.textContent = gettext("Your session has ended. Sign in in a new tab, then save again.");
    told.hidden = false;
  }
}

function askVersion() {
  const form = $("#version-form");
  form.elements.version.value = space.proposed;
  $("#version-error").hidden = true;
  if (!space.proposed) call("GET", `rulesets/${space.ruleset}/versions?limit=1`).then((answer) => answer.ok && (form.elements.version.value = `${answer.data.results[0].version.replace(/-local\.\d+$/, "")}-local.${1 + Number(/-local\.(\d+)$/.exec(answer.data.results[0].version)?.[1] ?? 0)}`));
  $("#version-dialog").showModal();
  form.elements.note.focus();
}

async function discard() {
  const sure = await confirm({ title: gettext("Discard your draft?"), text: gettext("Versions stay as they are; what you wrote since is removed."), yes: gettext("Discard"), danger: true });
  if (!sure) return;
  const answer = await call("DELETE", `rulesets/${space.ruleset}/draft?contract=${encodeURIComponent(space.contract)}`).catch(() => ({ ok: false }));
  if (!answer.ok) return toast(gettext("It could not be discarded; try again."), { level: "bad" });
  keeper.finish();
  return location.assign(space.newest ? space.urls.ruleset : "/rules");
}

function differs() {
  $("#differs-base").textContent = keeper.base || gettext("nothing");
  sides($("#differs-view"), space.base_source, editor.text());
  $("#differs-dialog").showModal();
}

// --- start ----------------------------------------------------------------------------------------------

const initial = space.draft?.text ?? space.base_source;
const editor = create({ parent: $("#editor"), text: initial, space, onChange: changed, onTry: () => tryIt(), onSave: () => keeper.save() });
const keeper = new Keeper({ space, text: () => editor.text(), onState: state, onConflict });
const trial = new Trial({ panel: $("#panel-try"), space, source: () => editor.text() });
const grid = new Grid({ root: $("#grid-view"), space, onText: (text) => editor.setText(text), onTry: tryIt });
document.body.append(el("datalist", { id: "grid-classes" }, ...["approve", "review", "reject"].map((value) => el("option", { value }))));

for (const button of $$("[role=tab]")) {
  button.addEventListener("click", () => tab(button.id.replace("tab-", "")));
  button.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
    const all = $$("[role=tab]").filter((item) => !item.hidden);
    const next = all[(all.indexOf(button) + (event.key === "ArrowRight" ? 1 : -1) + all.length) % all.length];
    next.focus();
    next.click();
  });
}
for (const button of $$("[data-show]")) button.addEventListener("click", () => show(button.dataset.show));
$("#tab-try").hidden = !space.can_try;
$("#save-version").addEventListener("click", askVersion);
$("#version-form").addEventListener("submit", saveVersion);
$("#discard").addEventListener("click", discard);
$("#differs").addEventListener("click", differs);

const kept = keeper.kept();
if (kept) {
  keeper.restore(kept);
  editor.setText(kept.text);
  toast(gettext("What this browser had kept was put back."), { level: "info" });
  keeper.save();
} else state("saved", space.draft?.saved_at);
if (space.draft && space.newest && keeper.base !== space.newest) notice("info", gettext("%(version)s was saved since you began. When you save yours, both are joined.", { version: space.newest }));
based();
drawFields();
drawProblems();
check().then(() => checked.kind === "table" && show("grid"));
document.documentElement.dataset.workbench = "ready";
