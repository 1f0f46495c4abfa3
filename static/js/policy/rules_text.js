// The text of rules in CodeMirror: colours, completion from the contract, marks of the check, notes at rules.
import {
  autocompletion, bracketMatching, closeBrackets, closeBracketsKeymap, codeFolding, completionKeymap, Decoration,
  defaultKeymap, drawSelection, EditorState, EditorView, foldGutter, foldKeymap, highlightActiveLine,
  highlightActiveLineGutter, highlightSelectionMatches, highlightSpecialChars, HighlightStyle, history, historyKeymap,
  hoverTooltip, indentOnInput, indentUnit, keymap, lineNumbers, lintGutter, lintKeymap, search, searchKeymap,
  setDiagnostics, snippetCompletion, StateEffect, StateField, syntaxHighlighting, tags, ViewPlugin, WidgetType, yaml,
} from "../../vendor/codemirror/codemirror.min.js";
import { el } from "../console/dom.js";
import { gettext } from "../console/i18n.js";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--ink-2)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.keyword], color: "var(--c5)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.bracket], color: "var(--ink-3)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "13px", height: "100%" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontVariantLigatures: "none", lineHeight: "1.65", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "10px 0 80px" },
  ".cm-content:focus-visible": { outline: "none" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 24%, transparent) !important" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-3)", border: "0", paddingLeft: "4px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 5%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--ink)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", border: "1px solid var(--line-2)", color: "var(--ink-2)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line-2)", borderRadius: "8px", boxShadow: "var(--shadow-2)", fontFamily: "var(--font)", fontSize: "12.5px", overflow: "hidden" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "16em" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "4px 10px !important" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-soft) !important", color: "var(--accent) !important" },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal", marginLeft: "10px" },
  ".cm-completionIcon": { display: "none" },
  ".cm-completionInfo": { padding: "8px 10px", maxWidth: "300px" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)", borderColor: "var(--line) !important", fontFamily: "var(--font)" },
  ".cm-panel input, .cm-panel button, .cm-panel .cm-textfield, .cm-panel .cm-button": { backgroundColor: "var(--raised)", backgroundImage: "none", color: "var(--ink)", border: "1px solid var(--edge)", borderRadius: "5px", fontSize: "12.5px" },
  ".cm-panel button[name=close]": { border: "0", background: "none", fontSize: "18px" },
  ".cm-panel label": { fontSize: "12.5px", color: "var(--ink-2)" },
  ".cm-panel.cm-panel-lint ul [aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-soft)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch-selected": { backgroundColor: "color-mix(in srgb, var(--c3) 45%, transparent)" },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--c3) 20%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--accent) 20%, transparent)", color: "inherit" },
  ".cm-diagnostic": { padding: "6px 10px", borderLeftWidth: "3px", fontFamily: "var(--font)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--c3)" },
  ".cm-gutter-lint": { width: "16px" },
  ".cm-word-field": { color: "var(--accent)", fontWeight: "560" },
  ".cm-word-unknown": { color: "var(--bad)" },
  ".cm-word-call": { color: "var(--c2)" },
  ".cm-word-number": { color: "var(--c5)" },
  ".cm-word-text": { color: "var(--ok)" },
  ".cm-word-sign": { color: "var(--ink-2)" },
  ".cm-approve": { color: "var(--ok)", fontWeight: "560" },
  ".cm-reject": { color: "var(--bad)", fontWeight: "560" },
  ".cm-review": { color: "var(--warn)", fontWeight: "560" },
  ".cm-note": { fontFamily: "var(--font)", fontSize: "11.5px", marginLeft: "14px", padding: "1px 8px", borderRadius: "99px", backgroundColor: "var(--sunken)", color: "var(--ink-2)", border: "1px solid var(--line)", whiteSpace: "nowrap", userSelect: "none" },
  ".cm-note.warn": { backgroundColor: "var(--warn-soft)", color: "var(--warn)", borderColor: "transparent" },
  ".cm-note.bad": { backgroundColor: "var(--bad-soft)", color: "var(--bad)", borderColor: "transparent" },
  ".cm-mergeView": { height: "auto" },
  ".cm-changedLine": { backgroundColor: "var(--warn-soft) !important" },
  ".cm-changedText": { background: "none !important", boxShadow: "inset 0 -2px 0 var(--c3)", fontWeight: "700" },
  ".cm-deletedChunk": { backgroundColor: "var(--bad-soft)" },
  ".cm-collapsedLines": { background: "var(--sunken) !important", color: "var(--ink-3)" },
  ".cm-changeGutter": { width: "3px" },
});

const FUNCTIONS = [
  ["has", "has(input.field)", "whether an optional field is there"],
  ["size", "size(text or list)", "how long it is"],
  ["double", "double(whole)", "a whole number as a decimal"],
  ["int", "int(decimal)", "a number without its decimals"],
  ["string", "string(value)", "a value as text"],
  ["startsWith", "text.startsWith(start)", "whether a text begins so"],
  ["endsWith", "text.endsWith(end)", "whether a text ends so"],
  ["contains", "text.contains(part)", "whether a text holds a part"],
  ["matches", "text.matches(pattern)", "whether a text fits a pattern"],
  ["exists", "list.exists(x, condition)", "whether one of a list fits"],
  ["all", "list.all(x, condition)", "whether all of a list fit"],
  ["timestamp", "timestamp(text)", "a moment"],
  ["duration", "duration(text)", "a length of time, such as 24h"],
];
const WORDS = new Set(["true", "false", "null", "in", "input", "math", "cel", "optional", ...FUNCTIONS.map(([name]) => name)]);
const CLASSES = ["approve", "review", "reject"];
const RULE_KEYS = { name: "", description: "", when: "", priority: "higher is asked first", stop: "later rules are not asked", on_missing: "review or skip", action: "" };
const ACTION_KEYS = { class: "approve, review or reject", reasons: "a list", confidence: "0 to 1", required_docs: "a list" };
const TOP_KEYS = { name: "", description: "", rules: "", hit_policy: "of a table", inputs: "of a table", outputs: "of a table", rows: "of a table" };
const VALUES = { class: CLASSES, on_missing: ["review", "skip"], stop: ["true", "false"], hit_policy: ["first", "unique", "any", "priority", "collect"] };
const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_][\w.]*|\d+(?:\.\d+)?|&&|\|\||[<>=!]=|[<>!+\-*/%?:]/g;
const WHEN = /^(\s*(?:-\s+)?when:\s*)(.*)$/;

/** The key that a line stands under: the nearest line above with less indentation. */
function above(state, line) {
  const indent = line.text.search(/\S|$/);
  for (let number = line.number - 1; number > 0; number--) {
    const text = state.doc.line(number).text;
    if (!text.trim() || text.search(/\S/) >= indent) continue;
    return /^\s*(?:-\s+)?(\w+):/.exec(text)?.[1] ?? "";
  }
  return "";
}

function isBlockOfCondition(state, line) {
  return !/^\s*(?:-\s+)?\w+:/.test(line.text) && above(state, line) === "when";
}

function conditionOf(state, line) {
  const found = WHEN.exec(line.text);
  if (found) return [found[1].length, found[2]];
  return isBlockOfCondition(state, line) ? [0, line.text] : null;
}

function paint(view, fields) {
  const marks = [];
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      const condition = conditionOf(view.state, line);
      if (condition) {
        const quoted = /^\s*["']/.test(condition[1]) ? 1 : 0;
        const text = quoted ? condition[1].replace(/^(\s*)["']/, "$1 ") : condition[1];
        for (const match of text.matchAll(TOKEN)) {
          const [word] = match;
          const next = text.slice(match.index + word.length).trimStart()[0];
          const root = word.replace(/^input\./, "").split(".")[0];
          let kind = "sign";
          if (/^["']/.test(word)) kind = "text";
          else if (/^\d/.test(word)) kind = "number";
          else if (/^[A-Za-z_]/.test(word)) kind = next === "(" || WORDS.has(word) ? "call" : fields.has(root) ? "field" : "unknown";
          const start = line.from + condition[0] + match.index;
          if (kind !== "unknown" || fields.size) marks.push(Decoration.mark({ class: `cm-word-${kind === "unknown" ? "sign" : kind}` }).range(start, start + word.length));
        }
      }
      else {
        const verdict = /\bclass:\s*["']?(approve|reject|review)\b/.exec(line.text);
        const number = /^\s*(?:-\s+)?(?:priority|confidence):\s*(-?[\d.]+)\s*$/.exec(line.text);
        if (verdict) marks.push(Decoration.mark({ class: `cm-${verdict[1]}` }).range(line.from + verdict.index + verdict[0].length - verdict[1].length, line.from + verdict.index + verdict[0].length));
        if (number) marks.push(Decoration.mark({ class: "cm-word-number" }).range(line.from + line.text.lastIndexOf(number[1]), line.from + line.text.lastIndexOf(number[1]) + number[1].length));
      }
      at = line.to + 1;
    }
  }
  return Decoration.set(marks, true);
}

const painter = (fields) =>
  ViewPlugin.fromClass(
    class {
      constructor(view) {
        this.decorations = paint(view, fields);
      }
      update(update) {
        if (update.docChanged || update.viewportChanged) this.decorations = paint(update.view, fields);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );

function said(field) {
  const parts = [field.type, field.required ? gettext("required") : gettext("optional")];
  if (field.values.length) parts.push(field.values.join(", "));
  else if (field.minimum !== null || field.maximum !== null) parts.push(`${field.minimum ?? "…"} … ${field.maximum ?? "…"}`);
  return parts.join(" · ");
}

function card(field) {
  return el("div", { class: "field-card" }, el("b", { class: "mono" }, field.path), el("div", {}, said(field)), field.description ? el("div", { class: "muted" }, field.description) : null);
}

const keyOptions = (keys) => Object.entries(keys).map(([name, detail]) => ({ label: name, detail: detail ? gettext(detail) : "", apply: `${name}: `, type: "property" }));

function completer(space) {
  const fields = space.fields.map((field) => ({ label: field.path, detail: field.type, type: "variable", info: () => card(field), boost: field.required ? 2 : 1 }));
  const functions = FUNCTIONS.map(([name, use, what]) => ({ label: name, detail: use, info: gettext(what), type: "function" }));
  const values = new Map(space.fields.map((field) => [field.path, field.values]));
  const rule = snippetCompletion("- name: ${name}\n\twhen: ${condition}\n\taction:\n\t\tclass: ${review}\n\t\treasons: [${reason}]\n\t\tconfidence: ${0.6}", { label: "- rule", detail: gettext("a new rule"), type: "keyword" });
  return (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const condition = conditionOf(context.state, line);
    if (condition && before.length >= condition[0]) {
      const text = /([A-Za-z_][\w.]*)\s*(?:==|!=|in)\s*\[?(?:\s*["'][^"']*["']\s*,)*\s*["']([^"']*)$/.exec(before);
      if (text && values.get(text[1].replace(/^input\./, ""))?.length) {
        const options = values.get(text[1].replace(/^input\./, "")).map((value) => ({ label: String(value), type: "constant" }));
        return { from: context.pos - text[2].length, options, validFor: /^[^"']*$/ };
      }
      const word = context.matchBefore(/[A-Za-z_][\w.]*/);
      if (!word && !context.explicit) return null;
      return { from: word?.from ?? context.pos, options: [...fields, ...functions], validFor: /^[\w.]*$/ };
    }
    const value = /\b(class|on_missing|stop|hit_policy):\s*(\w*)$/.exec(before);
    if (value) return { from: context.pos - value[2].length, options: VALUES[value[1]].map((label) => ({ label, type: "constant" })), validFor: /^\w*$/ };
    const key = /^(\s*)(-\s+)?(\w*)$/.exec(before);
    if (!key || (!key[3] && !context.explicit)) return null;
    const from = context.pos - key[3].length;
    if (!key[1] && !key[2]) return { from, options: keyOptions(TOP_KEYS), validFor: /^\w*$/ };
    const parent = above(context.state, line);
    if (parent === "rules" && !key[2]) return { from, options: [rule, ...keyOptions(RULE_KEYS)] };
    if (parent === "action") return { from, options: keyOptions(ACTION_KEYS), validFor: /^\w*$/ };
    return { from, options: keyOptions(RULE_KEYS), validFor: /^\w*$/ };
  };
}

const hovering = (space) => {
  const known = new Map(space.fields.map((field) => [field.path, field]));
  return hoverTooltip((view, position) => {
    const line = view.state.doc.lineAt(position);
    if (!conditionOf(view.state, line)) return null;
    for (const match of line.text.matchAll(/[A-Za-z_][\w.]*/g)) {
      const start = line.from + match.index;
      const field = known.get(match[0].replace(/^input\./, ""));
      if (field && start <= position && position <= start + match[0].length) return { pos: start, end: start + match[0].length, above: true, create: () => ({ dom: card(field) }) };
    }
    return null;
  });
};

class Note extends WidgetType {
  constructor(text, tone) {
    super();
    this.text = text;
    this.tone = tone;
  }
  eq(other) {
    return other.text === this.text && other.tone === this.tone;
  }
  toDOM() {
    return el("span", { class: `cm-note ${this.tone}`, "aria-hidden": "true" }, this.text);
  }
  ignoreEvent() {
    return true;
  }
}

const setNotes = StateEffect.define();
const notes = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    let found = value.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setNotes)) continue;
      const doc = transaction.state.doc;
      const widgets = effect.value.filter((note) => note.line <= doc.lines).map((note) => Decoration.widget({ widget: new Note(note.text, note.tone), side: 1 }).range(doc.line(note.line).to));
      found = Decoration.set(widgets, true);
    }
    return found;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** What every text view of the workbench has, read-only ones too. */
export const common = (space) => [yaml(), syntaxHighlighting(colours), look, painter(new Set(space.fields.map((field) => field.path.split(".")[0]))), EditorView.lineWrapping, indentUnit.of("  ")];

export function create({ parent, text, space, onChange, onTry, onSave }) {
  const keys = [
    { key: "Mod-Enter", run: () => (onTry(), true) },
    { key: "Mod-s", run: () => (onSave(), true), preventDefault: true },
  ];
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        ...common(space), lineNumbers(), foldGutter(), codeFolding(), lintGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(),
        closeBrackets(), highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), highlightSpecialChars(),
        search({ top: true }), autocompletion({ override: [completer(space)], icons: false }), hovering(space), notes,
        keymap.of([...keys, ...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...searchKeymap, ...foldKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.contentAttributes.of({ "aria-label": gettext("Text of the rules"), spellcheck: "false", autocapitalize: "off", tabindex: "0" }),
        EditorView.updateListener.of((update) => update.docChanged && onChange()),
      ],
    }),
  });
  const offset = (line, column) => {
    const doc = view.state.doc;
    const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
    return Math.min(found.from + Math.max(column - 1, 0), found.to);
  };
  return {
    view,
    text: () => view.state.doc.toString(),
    /** Replace what differs only, so that cursor, folds and history stay. */
    setText(next) {
      const now = view.state.doc.toString();
      if (now === next) return;
      let start = 0;
      while (start < now.length && start < next.length && now[start] === next[start]) start++;
      let end = 0;
      while (end < now.length - start && end < next.length - start && now.at(-1 - end) === next.at(-1 - end)) end++;
      view.dispatch({ changes: { from: start, to: now.length - end, insert: next.slice(start, next.length - end) } });
    },
    setProblems(problems) {
      const found = problems.map((problem) => {
        const from = offset(problem.line, problem.column);
        const to = Math.max(offset(problem.end_line, problem.end_column), from);
        return { from, to, severity: problem.severity, message: problem.message, source: problem.rule || undefined };
      });
      view.dispatch(setDiagnostics(view.state, found));
    },
    setNotes: (items) => view.dispatch({ effects: setNotes.of(items) }),
    goTo(line, column = 1) {
      const at = offset(line, column);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      view.focus();
    },
    measure: () => view.requestMeasure(),
  };
}
