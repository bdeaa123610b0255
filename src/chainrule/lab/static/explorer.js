/** The explorer: a function, its values, and all that follows from them. */

import { mount as mountView } from "/static/view/view.js";
import { el } from "/static/view/dom.js";
import { latest } from "./api.js";
import { checkPanel } from "./explorer_check.js";
import { formPanel } from "./explorer_form.js";
import { readShared, toolsPanel } from "./explorer_tools.js";

const FIRST = { example: "neuron", values: {} };
const UNDO = 100;

/** What of the state the server needs to explain it. */
function asked(state) {
  const { example, formula, values, upstream, wrt, notation, playground } = state;
  if (playground) return { playground, notation };
  return { ...(example ? { example } : { formula }), values, upstream, wrt, notation };
}

/**
 * @param {HTMLElement} root
 * @param {ReturnType<import("./api.js").createApi>} api
 */
export async function mount(root, api) {
  const { examples } = await api.get("/api/examples");
  const explorer = new Explorer(root, api, examples);
  await explorer.start();
  return {
    explore: (state) => explorer.change({ ...FIRST, example: undefined, ...state }, { fresh: true }),
    shared: (hash) => explorer.takeShared(hash),
  };
}

class Explorer {
  constructor(root, api, examples) {
    this.api = api;
    this.examples = examples;
    this.past = [];
    this.future = [];
    this.view = null;
    this.state = this.known(readShared(location.hash) ?? api.state.get("explorer") ?? FIRST);
    this.form = formPanel(this);
    this.check = checkPanel(this);
    this.tools = toolsPanel(this);
    this.stage = el("div", { class: "stage", "aria-live": "off" });
    this.note = el("p", { class: "stage-note", role: "status" });
    this.controls = el("div", { class: "controls" }, this.form.element, this.check.element, this.tools.element);
    root.replaceChildren(el("div", { class: "explorer" }, this.controls,
      el("div", { class: "stage-frame" }, this.note, this.stage)));
    this.errors = []; // of the newest state
    this.run = latest((state, isNewest) => this.work(state, isNewest));
  }

  /** Take a state from elsewhere, as far as it can be one. */
  known(state) {
    const whole = state && typeof state === "object" ? state : FIRST;
    const isExample = this.examples.some(({ name }) => name === whole.example);
    if (!isExample && typeof whole.formula !== "string" && !whole.playground) return { ...FIRST };
    const object = (given) => (given && typeof given === "object" && !Array.isArray(given) ? { ...given } : {});
    const marks = Object.fromEntries(Object.entries(object(whole.marks)).filter(([, on]) => typeof on === "boolean"));
    const wrt = Array.isArray(whole.wrt) ? whole.wrt.filter((name) => typeof name === "string") : undefined;
    const written = whole.written && object(whole.written);
    return { ...whole, values: object(whole.values), marks, wrt, written };
  }

  start() {
    this.form.render();
    this.check.render();
    this.tools.render();
    return (this.settled = this.run(this.state));
  }

  /** Change the state; everything else follows. `typing` gathers edits of one field for undo. */
  change(patch, { typing = "", fresh = false } = {}) {
    const now = performance.now();
    const same = typing && this.typing === typing && now - this.typed < 1500;
    if (!same) {
      this.past.push(this.state);
      this.past.splice(0, this.past.length - UNDO);
    }
    [this.typing, this.typed, this.future] = [typing, now, []];
    this.put(fresh ? this.known(patch) : { ...this.state, ...patch });
  }

  put(state) {
    this.state = state;
    this.api.state.set("explorer", state);
    // A link in the address is of a state before this one, and a reload would bring that back.
    if (readShared(location.hash)) history.replaceState(null, "", "#explorer");
    this.form.render();
    this.check.render();
    this.tools.render();
    this.settled = this.run(state);
  }

  undo(from = this.past, to = this.future) {
    if (!from.length) return;
    to.push(this.state);
    this.typing = "";
    this.put(from.pop());
  }

  redo() {
    this.undo(this.future, this.past);
  }

  takeShared(hash) {
    const found = readShared(hash);
    if (found) this.change(found, { fresh: true });
  }

  // -- asking ------------------------------------------------------------------------------

  async work(state, isNewest) {
    const slow = setTimeout(() => this.stage.setAttribute("aria-busy", "true"), 150);
    try {
      const ready = await this.form.prepare(state, isNewest);
      if (!isNewest()) return;
      const { document } = await this.api.post("/api/explain", { state: asked(ready) });
      if (!isNewest()) return;
      this.errors = [];
      this.form.complain([]);
      this.show(document);
      this.check.run(ready);
    } catch (error) {
      if (isNewest()) this.fail(error);
    } finally {
      clearTimeout(slow);
      this.stage.removeAttribute("aria-busy");
    }
  }

  /** What the server is asked about, once what was changed last has been worked out. */
  async request() {
    await this.settled;
    return this.requested();
  }

  requested() {
    return asked(this.form.used(this.state));
  }

  show(document) {
    this.note.textContent = "";
    this.stage.classList.remove("stale");
    if (this.view) this.view.update(document);
    else this.view = mountView(this.stage, document, this.host());
    this.tools.shown(document);
    // Asked once a moment: an answer to an edit must not open the paths anew.
    const moment = this.state.playground;
    if (moment?.why && moment !== this.answered) this.view.ask(moment.why);
    this.answered = moment;
  }

  /** Bring the answer to what was asked about into view: it stands below the picture. */
  showPaths() {
    const panel = this.stage.querySelector(".cr-why-panel");
    panel?.scrollIntoView({ block: "start" });
    panel?.querySelector("select, button, a, [tabindex]")?.focus({ preventScroll: true });
  }

  fail(error) {
    this.errors = error.errors ?? [{ field: "", message: error.message }];
    const left = this.form.complain(this.errors);
    this.stage.classList.toggle("stale", Boolean(this.view));
    const kept = this.view ? "Below is the last state that could be worked out." : "";
    this.note.textContent = [...left, kept].filter(Boolean).join(" ");
  }

  host() {
    return {
      level: 2,
      recompute: async ({ arguments: values, upstream, notation }) => {
        if (values && this.state.playground) {
          const message = "A moment of the playground stays as it was.";
          return { errors: Object.keys(values).map((field) => ({ field, message })) };
        }
        const patch = { notation };
        if (values) patch.values = { ...this.state.values, ...values };
        if (upstream !== undefined) patch.upstream = upstream;
        this.change(patch, { typing: "view" });
        await this.settled; // and shown, unless something is wrong
        const errors = this.errors.map((error) => ({ ...error, field: error.field.replace(/^value:/, "") }));
        return errors.length ? { errors } : null;
      },
      picture: async ({ level, open, notation }) =>
        this.api.post("/api/picture", { state: { ...(await this.request()), notation }, level, open }),
      why: async (name, notation) =>
        this.api.post("/api/why", { state: { ...(await this.request()), notation }, name }),
    };
  }
}
