/** What is explained: an example or formulas, and a field for each value. */

import { arrange, el } from "/static/view/dom.js";
import { exactField } from "/static/view/fields.js";

const OWN = "own";
const MOMENT = "moment";
const NEW = "z = w*x + b\ny = max(z, 0)";
const NEW_VALUES = { w: "2", x: "3", b: "1" };
const WRITTEN = "They begin with those in the formula.";
const BEGUN = "Values that you have not edited are examples; they change as the formula needs it.";

/** @param {object} explorer */
export function formPanel(explorer) {
  return new Form(explorer);
}

class Form {
  constructor(explorer) {
    this.explorer = explorer;
    this.names = [];
    this.texts = {};
    this.fields = new Map();
    this.choice = el("select", { id: "choice", on: { change: () => this.choose(this.choice.value) } },
      ...explorer.examples.map(({ name, title }) => el("option", { value: name, text: title })),
      el("option", { value: OWN, text: "Your own formula" }));
    this.moment = el("option", { value: MOMENT, text: "A moment of the playground" });
    this.defaults = []; // whose gradients are derived unless others are marked
    this.heading = el("div", { class: "values-head" }, el("h3", { id: "values-title", text: "Values" }),
      el("span", { "aria-hidden": "true", title: "Which gradients to derive", text: "Gradient" }));
    this.begun = el("p", { class: "help", hidden: true });
    this.formula = el("textarea", {
      id: "formula", rows: 3, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
      "aria-describedby": "formula-help formula-error", on: {
        input: () => explorer.change({ formula: this.formula.value }, { typing: "formula" }),
      },
    });
    this.formulaError = el("p", { class: "error", id: "formula-error", role: "alert", hidden: true });
    this.formulaBox = el("div", { class: "field" },
      el("label", { for: "formula", text: "Formulas, one a line" }), this.formula,
      this.formulaError,
      el("p", { class: "help", id: "formula-help", text: "The last line is the output. + - * / ** @, comparisons, x.T, x[0], and NumPy's functions by name: exp, log, sum, mean, max, sigmoid, relu, softmax, …" }));
    this.told = el("p", { class: "help" });
    this.paths = el("button", { type: "button", class: "quiet", text: "Go to its paths", on: { click: () => explorer.showPaths() } });
    this.source = el("div", { class: "moment" }, this.told, this.paths);
    this.values = el("div", { class: "values", role: "group", "aria-labelledby": "values-title" });
    this.wrtError = el("p", { class: "error", id: "wrt-error", role: "alert", hidden: true });
    this.upstream = this.field("upstream", "Upstream gradient", (text) => ({ upstream: text }));
    this.upstream.box.classList.add("upstream");
    this.whole = el("p", { class: "error", role: "alert", hidden: true });
    this.element = el("section", { class: "card", "aria-labelledby": "form-title" },
      el("h2", { id: "form-title", text: "Function" }),
      el("div", { class: "field" }, el("label", { for: "choice", text: "Start from" }), this.choice),
      this.source, this.formulaBox,
      this.heading, this.begun, this.values, this.wrtError, this.upstream.box, this.whole);
  }

  choose(name) {
    const { explorer } = this;
    if (name === MOMENT) return;
    if (name !== OWN) {
      explorer.change({ example: name, values: {}, upstream: "", backward: "", notation: [] }, { fresh: true });
      return;
    }
    const known = explorer.api.state.get("formula");
    explorer.change(known ?? { formula: NEW, values: NEW_VALUES, begun: { values: NEW_VALUES }, written: {}, backward: "" }, { fresh: true });
    this.formula.focus();
  }

  example() {
    return this.explorer.examples.find(({ name }) => name === this.explorer.state.example);
  }

  field(key, label, patch) {
    const id = `field-${key}`;
    const input = el("input", {
      id, type: "text", spellcheck: "false", autocapitalize: "off", autocomplete: "off",
      "aria-describedby": `${id}-error`,
      on: { input: () => this.explorer.change(patch(input.value), { typing: key }) },
    });
    const error = el("p", { class: "error", id: `${id}-error`, role: "alert", hidden: true });
    const box = el("div", { class: "field value" }, el("label", { for: id, text: label }), input, error);
    return { box, input, exact: exactField(input), error };
  }

  /** The field of an argument, and a box to mark it: its gradient is to be derived. */
  argument(name) {
    const made = this.field(`value:${name}`, name, (text) => ({ values: { ...this.explorer.state.values, [name]: text } }));
    made.tick = el("input", {
      type: "checkbox", "aria-describedby": "wrt-error",
      on: { change: () => this.wanted(name, made.tick.checked) },
    });
    made.ticked = el("label", { class: "tick" }, made.tick);
    made.input.after(made.ticked);
    return made;
  }

  /** Say whether there is a gradient to be marked. */
  offer({ tick, ticked }, { name, gradient }) {
    const label = gradient ? `Gradient of ${name}` : `Gradient of ${name}: whole numbers have none`;
    tick.setAttribute("aria-label", label);
    tick.disabled = !gradient;
    ticked.title = label;
  }

  /** Whether a gradient is to be derived: as marked, else as a link had it, else as is usual. */
  isMarked(name, { marks, wrt } = this.explorer.state) {
    return own(marks ?? {}, name) ?? (wrt ?? this.defaults).includes(name);
  }

  wanted(name, on) {
    this.explorer.change({ marks: { ...this.explorer.state.marks, [name]: on } });
  }

  /** Show the state; a field that is being typed in keeps its text and caret. */
  render() {
    const { state } = this.explorer;
    const example = this.example();
    if (state.playground) this.choice.append(this.moment);
    else this.moment.remove();
    this.choice.value = state.playground ? MOMENT : example ? example.name : OWN;
    this.formulaBox.hidden = Boolean(example) || Boolean(state.playground);
    put(this.formula, state.formula ?? "");
    this.formula.rows = Math.min(12, Math.max(3, (state.formula ?? "").split("\n").length + 1));
    this.source.hidden = !state.playground;
    if (state.playground) this.tell(state.playground);
    if (example) this.use(example);
    if (state.playground) this.use({ arguments: [], wrt: [] });
    if (!example && !state.playground) this.explorer.api.state.set("formula", state);
    this.heading.hidden = !this.names.length;
    const { begun } = parted(state);
    this.begun.textContent = Object.values(this.texts).some(Boolean) ? WRITTEN : this.names.some((name) => own(begun, name)) ? BEGUN : "";
    this.begun.hidden = Boolean(example) || !this.begun.textContent;
    this.upstream.box.hidden = Boolean(state.playground) || !(example?.upstream || state.upstream || this.needsUpstream);
    this.upstream.exact.text = state.upstream || example?.upstream || "";
    for (const [name, { exact, tick }] of this.fields) {
      exact.text = this.textOf(name);
      tick.checked = this.isMarked(name);
    }
  }

  /** Say which moment of the playground this is, and what was asked about it. */
  tell({ step, sample, labels, why }) {
    const count = Array.isArray(labels) ? labels.length : 0;
    const samples = sample === undefined ? `the next ${count === 1 ? "sample" : `${count} samples`}` : `sample ${sample} alone`;
    this.told.textContent = `The loss of the playground's network on ${samples}, with its weights after step ${Number(step).toLocaleString("en")}.`
      + (why ? ` What ${why} does to it is lit in the picture, unless its paths are too many.` : "");
    this.paths.hidden = !why;
  }

  textOf(name) {
    return own(this.explorer.state.values, name) ?? own(this.texts, name) ?? "";
  }

  /** Have a field for each argument; one that is there already stays what it is. */
  use({ arguments: needed, wrt }) {
    const names = needed.map(({ name }) => name);
    this.texts = Object.fromEntries(needed.map(({ name, text }) => [name, text]));
    this.defaults = wrt;
    const before = this.fields;
    this.fields = new Map(names.map((name) => [name, before.get(name) ?? this.argument(name)]));
    for (const each of needed) this.offer(this.fields.get(each.name), each);
    if (names.join() === this.names.join()) return;
    this.names = names;
    arrange(this.values, [...this.fields.values()].map(({ box }) => box));
  }

  /** Ask which fields a formula needs, and begin those that nobody has edited. */
  async prepare(state, isNewest) {
    if (state.example || state.playground) return this.used(state);
    const { explorer } = this;
    const form = await explorer.api.post("/api/form", { state: { formula: state.formula }, ...parted(state) });
    if (!isNewest()) return null;
    this.use(form);
    // A value that is written in the formula is what its field has, until the field is edited.
    const { written = this.texts } = state;
    const rewritten = this.names.filter((name) => this.texts[name] && this.texts[name] !== own(written, name));
    explorer.state = { ...state, ...begin(state, form, rewritten), written: this.texts };
    explorer.api.state.set("explorer", explorer.state);
    this.render();
    return this.used(explorer.state);
  }

  /** Leave out the values that the formula does not use, and say which gradients are asked for. */
  used(state) {
    if (state.playground) return state;
    const names = new Set(this.names);
    const values = Object.entries(state.values).filter(([name]) => names.has(name));
    const wrt = this.names.filter((name) => this.isMarked(name, state));
    return { ...state, wrt, values: Object.fromEntries(values) };
  }

  // -- complaints --------------------------------------------------------------------------

  /** Show what is wrong beside the fields; returns the messages that belong to none. */
  complain(errors) {
    const left = [];
    const said = new Map();
    for (const error of errors) {
      const known = error.field === "formula" ? "formula" : error.field;
      const has = known === "formula" ? !this.formulaBox.hidden
        : known === "upstream" || (known === "wrt" && this.names.length) || this.fields.has(known.replace(/^value:/, ""));
      if (has) said.set(known, error);
      else left.push(error.message);
    }
    if (said.has("upstream")) this.needsUpstream = true;
    this.upstream.box.hidden = this.upstream.box.hidden && !said.has("upstream");
    this.mark(this.formula, this.formulaError, said.get("formula"));
    this.mark(this.upstream.input, this.upstream.error, said.get("upstream"));
    for (const [name, { input, error, tick }] of this.fields) {
      this.mark(input, error, said.get(`value:${name}`));
      this.mark(tick, this.wrtError, said.get("wrt"));
    }
    return left;
  }

  mark(input, place, error) {
    place.hidden = !error;
    if (error) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    place.replaceChildren(...(error ? told(error, input.value) : []));
  }
}

/** A message, and the line with a mark below the place of the fault. */
export function told(error, text) {
  const parts = [error.message];
  const line = error.line ? text.split("\n")[error.line - 1] : undefined;
  if (line !== undefined && error.column) {
    const from = Math.max(0, error.column - 28);
    const shown = line.slice(from, from + 56);
    parts.push(el("code", { class: "pointer", "aria-hidden": "true",
      text: `${shown}\n${" ".repeat(error.column - 1 - from)}▲` }));
    parts.push(el("span", { class: "cr-hidden", text: ` At line ${error.line}, column ${error.column}.` }));
  }
  return parts;
}

/** The values that somebody has typed, and apart from them those that stayed what they began as. */
function parted({ values, upstream, begun }) {
  const isBegun = ([name, text]) => own(begun?.values ?? {}, name) === text;
  const all = Object.entries(values);
  const open = begun?.upstream !== null && (upstream || "") === (begun?.upstream ?? "");
  return {
    typed: Object.fromEntries(all.filter((each) => !isBegun(each))),
    begun: Object.fromEntries(all.filter(isBegun)),
    upstream: open ? upstream || "" : null, // null: it has been edited
  };
}

/** What a form changes of a state: all but what has been edited. */
function begin(state, { arguments: needed, upstream: gradient }, rewritten) {
  const { typed, upstream } = parted(state);
  const written = needed.filter(({ name, text }) => text && (own(typed, name) === undefined || rewritten.includes(name)));
  const fresh = needed.filter(({ name, text }) => !text && own(typed, name) === undefined);
  const texts = Object.fromEntries(fresh.map(({ name, begin: text }) => [name, text]));
  const given = Object.fromEntries(written.map(({ name, text }) => [name, text]));
  const open = upstream !== null;
  return {
    values: { ...typed, ...texts, ...given },
    upstream: open ? gradient : state.upstream,
    begun: { values: texts, upstream: open ? gradient : null },
  };
}

/** What an object has under a name itself: a variable may be called "constructor". */
function own(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function put(input, text) {
  if (input.value !== text) input.value = text;
}
