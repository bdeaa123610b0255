/**
 * A worked solution to step through. The exported page, the notebook widget and the lab show the
 * same view of the same document (chainrule/view/document.py says what is in it).
 */

import { argumentsPanel } from "./arguments.js";
import { el, math } from "./dom.js";
import { filesPanel } from "./files.js";
import { Opened } from "./opened.js";
import { onPaper } from "./paper.js";
import { pathsPanel } from "./paths.js";
import { picturePanel } from "./picture.js";
import { scrolling, scrollsSideways } from "./scrolling.js";
import { sourcePanel } from "./source.js";
import { stepBar, stepCard, stepList } from "./steps.js";

let mounted = 0;

/**
 * Show a document.
 * @param {HTMLElement} root What to show it in; its content is replaced.
 * @param {object} document
 * @param {object} [host] What answers questions, each optional:
 *   recompute({arguments, upstream, notation}) -> {document} | {errors: [{field, message}]}, or
 *   null where another document is on its way; `arguments` are those that were edited;
 *   picture({level, open, notation}) -> {svg, edges} | svg; why(name, notation) -> paths;
 *   keys: what to listen at for arrow keys (the root); step: to begin with;
 *   level: of the highest heading (1); onstep(step): told after each step.
 * @returns {{update: (document: object) => void, goto: (step: number) => void,
 *   ask: (name: string) => Promise<void>, destroy: () => void}}
 */
export function mount(root, document, host = {}) {
  const view = new View(root, document, host);
  return {
    update: (next) => view.update(next),
    goto: (step) => view.goto(step),
    ask: (name) => view.ask(name),
    destroy: () => view.destroy(),
  };
}

class View {
  constructor(root, base, host) {
    this.root = root;
    this.host = host;
    this.id = `cr${(mounted += 1)}`;
    this.base = base;
    this.doc = base.variants[base.begin.join(" ")] ?? base;
    this.opened = new Opened(this);
    this.paths = null;
    this.path = null;
    this.problem = "";
    this.asked = { recompute: 0, why: 0 };
    this.name = ""; // of the number whose paths are shown, or asked for
    this.wanted = this.doc.notation; // which may be on its way
    this.turning = 0; // questions for another notation that are not answered
    this.step = 0;
    this.build();
    this.onKey = (event) => this.key(event);
    this.keys = host.keys ?? root;
    this.keys.addEventListener("keydown", this.onKey);
    this.render();
    this.goto(host.step ?? (host.recompute ? this.last : 0), true);
  }

  get last() {
    return this.doc.steps.reduce((most, step) => Math.max(most, step.number), 0);
  }

  current() {
    return this.step ? this.doc.steps.find((step) => step.number === this.step) : null;
  }

  heading(level, text) {
    return el(`h${Math.min(6, level - 1 + (this.host.level ?? 1))}`, { text });
  }

  // -- building ----------------------------------------------------------------------------

  build() {
    this.call = this.heading(1, "");
    this.call.className = "cr-call";
    this.result = el("p", { class: "cr-result cr-scrolls", "data-label": "Result" });
    this.place = el("p", { class: "cr-place" });
    this.notations = el("div", { class: "cr-notations", role: "group", "aria-label": "Notation" });
    this.live = el("p", { class: "cr-hidden", "aria-live": "polite", role: "status" });
    this.say = (text) => { this.live.textContent = text; };
    this.picturePanel = picturePanel(this);
    this.bar = stepBar(this);
    this.card = stepCard(this);
    this.list = stepList(this);
    this.source = sourcePanel(this);
    this.arguments = argumentsPanel(this);
    this.why = pathsPanel(this);
    const panel = (title, name, ...content) =>
      el("section", { class: `cr-panel ${name}`, "aria-label": title }, this.heading(2, title), ...content);
    this.element = el(
      "div", { class: "cr-view" },
      el("header", { class: "cr-head" },
        el("div", { class: "cr-title" }, this.call, this.result), this.place,
        el("div", { class: "cr-choices" }, this.notations, filesPanel(this))),
      el("div", { class: "cr-stage" },
        this.picturePanel.element,
        el("section", { class: "cr-panel cr-now", "aria-label": "Current step" },
          this.bar.element, this.card.element),
        panel("Source", "cr-source-panel", this.source.element),
        panel("Arguments and gradients", "cr-arguments-panel", this.arguments.element),
        panel("Why this gradient", "cr-why-panel", this.why.element),
        el("section", { class: "cr-panel cr-all", "aria-label": "All steps" }, this.list.element)),
      this.live,
    );
    this.root.replaceChildren(this.element);
    this.scrolling = scrolling(this.element);
    this.paper = onPaper(this.element);
  }

  /** What has the focus, by its key: parts are made anew and keep their keys. */
  focusedKey() {
    return this.root.getRootNode().activeElement?.dataset?.key;
  }

  /** Give the focus back to what was made anew, unless it has gone elsewhere. */
  refocus(key) {
    const active = this.root.getRootNode().activeElement;
    if (!key || (active && active !== document.body)) return;
    this.element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }

  /** Show the document anew; focus stays where it was. */
  render() {
    const key = this.focusedKey();
    const { doc } = this;
    this.call.textContent = doc.call;
    const value = el("span", { class: "cr-value-math" }, math(doc.value.mathml));
    this.result.replaceChildren(
      el("span", { class: "cr-output", text: `${doc.output} =` }), value);
    this.place.textContent = doc.place;
    this.place.hidden = !doc.place;
    this.renderNotations();
    for (const part of [this.list, this.source, this.arguments, this.why, this.picturePanel]) {
      part.render();
    }
    this.refocus(key);
    this.scrolling.refresh();
  }

  renderNotations() {
    const offered = this.base.notations;
    this.notations.hidden = !offered.length;
    this.notations.replaceChildren(
      el("span", { class: "cr-label", text: "Notation" }),
      ...offered.map(({ id, title }) => {
        const on = this.doc.notation.includes(id);
        const ids = this.notationWith(id, !on, this.doc.notation);
        return el("button", {
          type: "button", class: "cr-toggle", "aria-pressed": String(on), text: title,
          "data-key": `notation-${id}`,
          disabled: !this.host.recompute && ids.length > 0 && !this.base.variants[ids.join(" ")],
          on: { click: () => this.turn(id) },
        });
      }),
    );
  }

  /** Show the current step in every part. */
  show() {
    const key = this.focusedKey();
    for (const part of [this.bar, this.card, this.list, this.source, this.picturePanel]) part.show();
    this.showPaths();
    this.refocus(key);
    this.scrolling.refresh(this.card.element);
  }

  showPaths() {
    this.why.show();
    this.arguments.show();
  }

  // -- steps -------------------------------------------------------------------------------

  /** The step that is nearest in the direction of one that may be left out. */
  there(step) {
    const to = Math.max(0, Math.min(this.last, Math.round(Number(step) || 0)));
    const numbers = [0, ...this.doc.steps.map(({ number }) => number)];
    return to > this.step
      ? Math.min(...numbers.filter((number) => number >= to))
      : Math.max(...numbers.filter((number) => number <= to));
  }

  goto(step, quiet = false) {
    const to = this.there(step);
    this.step = to;
    this.show();
    if (quiet) return;
    const found = this.current();
    this.say(found
      ? `Step ${to} of ${this.last}, ${found.phase}. ${found.title}. ${found.reason}`
      : "Start: the inputs.");
    this.host.onstep?.(to);
  }

  key(event) {
    if (event.defaultPrevented || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.composedPath()[0];
    if (at.closest?.("input, textarea, select, [contenteditable]")) return;
    const to = {
      ArrowRight: this.step + 1, ArrowLeft: this.step - 1, Home: 0, End: this.last,
    }[event.key];
    if (event.key.startsWith("Arrow") && scrollsSideways(at)) return;
    if (to === undefined) return;
    event.preventDefault();
    this.goto(to);
  }

  /** Go to the step of a box; of an argument, show why its gradient is what it is. */
  chooseBox({ id, steps, name }) {
    const numbers = (steps ?? "").split(" ").filter(Boolean).map(Number);
    const own = this.askable().find((n) => n === name || this.boxOfName(n) === id);
    if (own) this.ask(own);
    const forward = numbers.filter(Boolean);
    if (!forward.length) return;
    const at = forward.indexOf(this.step);
    if (!own || at >= 0) this.goto(forward[(at + 1) % forward.length]);
  }

  boxOfName(name) {
    return this.pathsOf(name)?.terms[0]?.stops[0].id;
  }

  // -- pictures ----------------------------------------------------------------------------

  showPicture() {
    const key = this.focusedKey();
    this.picturePanel.render();
    this.refocus(key);
    this.scrolling.refresh(this.picturePanel.element);
  }

  // -- paths -------------------------------------------------------------------------------

  /** The numbers that can be asked about. */
  askable() {
    const known = Object.keys(this.doc.paths);
    if (!this.host.why) return known;
    const parts = this.doc.arguments.flatMap((data) => [data, ...data.parts]);
    const cells = parts.flatMap((data) => data.gradient?.grid?.flat() ?? []);
    return [...new Set([...cells.map((cell) => cell.name), ...known])];
  }

  /** The paths of a number that are known; it may be called "constructor". */
  pathsOf(name) {
    return Object.hasOwn(this.doc.paths, name) ? this.doc.paths[name] : null;
  }

  async ask(name) {
    this.name = name;
    this.problem = "";
    const ticket = (this.asked.why += 1);
    let found = this.pathsOf(name);
    if (name && !found && this.host.why) {
      const doc = this.doc;
      try {
        found = await this.host.why(name, doc.notation);
      } catch (error) {
        if (ticket !== this.asked.why) return;
        this.problem = error.message;
        found = null;
      }
      if (ticket !== this.asked.why) return;
      if (found) doc.paths[name] = found;
    } else if (name && !found) this.problem = `The paths of ${name} are not in this file.`;
    if (!found) this.name = "";
    this.paths = found;
    this.choosePath(null);
  }

  choosePath(place) {
    const key = this.focusedKey();
    this.path = place;
    this.picturePanel.show();
    this.showPaths();
    this.refocus(key);
  }

  litPaths() {
    if (!this.paths) return [];
    return this.path === null ? this.paths.terms : [this.paths.terms[this.path]];
  }

  // -- other documents ---------------------------------------------------------------------

  turned() {
    return this.doc.notation.length > 0;
  }

  notationWith(id, on, from = this.wanted) {
    const chosen = new Set(from);
    if (on) chosen.add(id);
    else chosen.delete(id);
    return this.base.notations.map((n) => n.id).filter((one) => chosen.has(one));
  }

  /** Turn a notation on or off; numbers that were typed just before are meant in the one before. */
  turn(id) {
    const ids = this.notationWith(id, !this.wanted.includes(id));
    const known = ids.length ? this.base.variants[ids.join(" ")] : this.base.notation.length ? null : this.base;
    if (known && !this.turning) this.change(known);
    else this.recompute({ ...this.arguments.taken(), notation: ids });
  }

  /** Show another document: what was chosen stays, as far as it is still there. */
  update(next) {
    this.asked.recompute += 1;
    this.base = next;
    this.change(next);
  }

  change(next) {
    const key = this.focusedKey();
    const wasLast = this.step === this.last;
    this.doc = next;
    if (!this.turning) this.wanted = next.notation;
    this.opened.follow();
    this.paths = null;
    this.step = wasLast ? this.last : this.there(this.step);
    this.render();
    this.show();
    // What is on its way is of another document.
    if (this.name) this.ask(this.name).then(() => this.refocus(key));
  }

  async recompute(change) {
    if (!this.host.recompute) return;
    const ticket = (this.asked.recompute += 1);
    const request = { notation: this.wanted, ...change };
    const turns = Boolean(change.notation);
    if (turns) this.wanted = change.notation;
    this.turning += turns;
    this.arguments.lock();
    let answer;
    try {
      answer = await this.host.recompute(request);
    } catch (error) {
      answer = { errors: error.errors ?? [{ field: "", message: error.message }] };
    }
    this.turning -= turns;
    const isNewest = ticket === this.asked.recompute; // else a later edit has been made
    if (answer?.document && isNewest) this.update(answer.document);
    if (!this.turning) this.wanted = this.doc.notation;
    this.arguments.lock();
    this.arguments.answered(change.arguments, !answer?.errors);
    if (answer?.errors && isNewest) this.arguments.complain(answer.errors);
  }

  destroy() {
    this.keys.removeEventListener("keydown", this.onKey);
    this.scrolling.destroy();
    this.paper.destroy();
    this.picturePanel.destroy();
    this.arguments.destroy();
    this.root.replaceChildren();
  }
}
