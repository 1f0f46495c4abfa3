// Keeps what is written: in this browser at once, on the server within a second, and nothing over another save.
import { csrf, store } from "../console/dom.js";

const BROWSER = 150;
const SERVER = 800;
const RETRY = 6000;

/** Call the API as the person who is signed in; returns the status and the decoded body. */
export async function call(method, path, body) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrf() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`/api/v1/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  let data = {};
  try {
    data = text ? JSON.parse(text) : {};
  } catch {
    data = { detail: text.slice(0, 200) };
  }
  return { status: answer.status, ok: answer.ok, data };
}

export class Keeper {
  constructor({ space, text, onState, onConflict }) {
    this.space = space;
    this.text = text;
    this.onState = onState;
    this.onConflict = onConflict;
    this.path = `rulesets/${space.ruleset}/draft`;
    this.name = `rules:${space.contract}:${space.ruleset}`;
    this.revision = space.draft?.revision ?? 0;
    this.base = space.base_version;
    this.saved = space.draft?.text ?? space.base_source;
    this.busy = false;
    this.stopped = false;
    addEventListener("focus", () => this.waiting && this.save());
    document.addEventListener("visibilitychange", () => document.hidden ? this.keepHere() : this.waiting && this.save());
    addEventListener("pagehide", () => this.keepHere());
  }

  /** What this browser kept and the server does not have. */
  kept() {
    const found = store.get(this.name);
    return found && typeof found.text === "string" && found.text !== this.saved ? found : null;
  }

  restore(found) {
    this.revision = found.revision;
    this.base = found.base;
  }

  changed() {
    if (this.stopped) return;
    this.onState("changed");
    clearTimeout(this.here);
    this.here = setTimeout(() => this.keepHere(), BROWSER);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SERVER);
  }

  keepHere() {
    const text = this.text();
    if (this.stopped || text === this.saved) return;
    store.set(this.name, { text, revision: this.revision, base: this.base });
  }

  async save() {
    clearTimeout(this.timer);
    const text = this.text();
    if (this.stopped || this.busy || this.conflict) return;
    if (text === this.saved) {
      this.waiting = false;
      store.remove(this.name);
      this.onState("saved");
      return;
    }
    this.busy = true;
    this.keepHere();
    this.onState("saving");
    let answer;
    try {
      answer = await call("PUT", this.path, { contract: this.space.contract, text, base_version: this.base, revision: this.revision });
    } catch {
      answer = { status: 0, ok: false, data: {} };
    }
    this.busy = false;
    if (answer.ok) {
      this.waiting = false;
      this.revision = answer.data.revision;
      this.saved = text;
      if (this.text() === text) {
        store.remove(this.name);
        this.onState("saved", answer.data.saved_at);
      } else this.changed();
      return;
    }
    if (answer.status === 409 && answer.data.code === "draft_conflict") {
      this.conflict = true;
      this.onConflict(answer.data);
      return;
    }
    this.waiting = true;
    const signedOut = answer.status === 401 || answer.data.code === "csrf_refused";
    this.onState(signedOut ? "signed-out" : answer.status === 403 ? "denied" : answer.status === 0 || answer.status >= 500 ? "offline" : "refused", answer.data.detail);
    if (answer.status !== 403 || signedOut) this.timer = setTimeout(() => this.save(), RETRY);
  }

  /** Go on after a conflict, on top of what the server has. */
  settle({ revision, saved, base }) {
    this.conflict = false;
    this.revision = revision ?? this.revision;
    this.saved = saved ?? this.saved;
    this.base = base ?? this.base;
    this.changed();
    this.save();
  }

  /** The text became a version, or is given up. */
  finish() {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.here);
    store.remove(this.name);
  }
}
