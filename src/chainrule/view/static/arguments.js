/** Arguments and their gradients: with a host the numbers are fields to edit. */

import { arrange, el } from "./dom.js";
import { brief, exactField } from "./fields.js";
import { minus } from "./paths.js";

const WAIT = 150; // milliseconds without a further edit before it is sent

/** The panel of arguments and gradients. */
export function argumentsPanel(view) {
  const element = el("div", { class: "cr-arguments" });
  const general = el("p", { class: "cr-error", role: "alert", hidden: true });
  const cards = el("div", { class: "cr-argument-list" });
  element.append(general, cards);
  let fields = new Map(); // argument -> {card, kind, inputs, error, data}
  let made = 0;
  let timer = 0;
  let sent = 0; // how often

  const editable = (data) => Boolean(view.host.recompute) && data.text !== null && !view.turned();

  function render() {
    const { arguments: all, upstream } = view.doc;
    const parts = all.flatMap((data) => (data.parts.length ? data.parts : [data]));
    const list = upstream === null ? parts : [...parts, upstreamField(upstream)];
    const before = fields;
    fields = new Map();
    for (const data of list) {
      const known = before.get(data.name);
      const kept = known?.kind === kind(data) ? known : cardOf(data);
      fields.set(data.name, kept);
      fill(kept, data);
    }
    arrange(cards, [...fields.values()].map(({ card }) => card));
    complain([]);
  }

  const upstreamField = (text) => ({
    name: "upstream", text, shown: text, shape: null, dtype: "", wrt: false, grid: null,
    gradient: null, parts: [], title: `${view.doc.seed}, given`,
  });

  /** What a card is made for; whatever else its argument has is filled in. */
  const kind = (data) => JSON.stringify([editable(data), names(data.grid), data.gradient && [names(data.gradient.grid)]]);
  const names = (grid) => grid?.map((row) => row.map(({ name }) => name)) ?? null;

  function cardOf(data) {
    const inputs = [];
    const changed = () => edited(kept);
    const field = (label, key, wide) => {
      const input = el("input", {
        type: "text", inputmode: wide ? null : "decimal", spellcheck: "false", autocomplete: "off",
        class: wide ? "cr-text" : "cr-cell", "aria-label": label, "data-key": key,
        on: { input: changed },
      });
      inputs.push(input);
      kept.exact.push(exactField(input));
      return input;
    };
    const grid = (rows, make) =>
      el("table", { class: "cr-grid", role: "presentation" },
        el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, make(cell)))))));
    const kept = { kind: kind(data), inputs, exact: [], data, values: [], gradients: [], texts: [], owed: null };
    let value;
    if (editable(data)) {
      value = data.grid
        ? grid(data.grid, (cell) => field(cell.name, `edit-${cell.name}`, false))
        : field(data.title ?? data.name, `edit-${data.name}`, true);
    } else if (data.grid) {
      value = grid(data.grid, () => kept.values[kept.values.push(el("span", { class: "cr-fixed" })) - 1]);
    } else {
      value = el("pre", { class: "cr-shown" });
      kept.texts.push([value, (a) => a.shown]);
    }
    let gradient = null;
    if (data.gradient?.grid) {
      gradient = grid(data.gradient.grid, (cell) => {
        const button = el("button", {
          type: "button", class: "cr-gradient-cell", "data-key": `why-${cell.name}`,
          "data-name": cell.name, on: { click: () => view.ask(cell.name) },
        });
        kept.gradients.push(button);
        return button;
      });
    } else if (data.gradient) {
      gradient = el("pre", { class: "cr-shown cr-slant" });
      kept.texts.push([gradient, (a) => a.gradient.shown]);
    }
    kept.error = el("p", { class: "cr-error", id: `${view.id}-error-${made++}`, hidden: true });
    const told = (options, read) => kept.texts[kept.texts.push([el("span", options), read]) - 1][0];
    kept.card = el(
      "div", { class: "cr-argument", role: "group", "aria-label": data.title ?? data.name },
      el("div", { class: "cr-argument-head" },
        told({ class: "cr-name" }, (a) => a.title ?? a.name),
        told({ class: "cr-about" }, about)),
      el("div", { class: "cr-pair" },
        el("div", { class: "cr-side cr-scrolls", "data-label": `Value of ${data.name}` },
          gradient ? el("span", { class: "cr-side-name cr-value-name", text: "value" }) : null,
          value),
        gradient
          ? el("div", { class: "cr-side cr-gradient-side cr-scrolls", "data-label": `Gradient of ${data.name}` },
              told({ class: "cr-side-name" }, (a) => `← ${a.gradient.name}`), gradient)
          : null),
      kept.error,
    );
    return kept;
  }

  /** How many numbers of which kind. */
  function about({ shape, dtype }) {
    const count = shape?.length === 1 ? `${shape[0]} ${shape[0] === 1 ? "number" : "numbers"}` : shape?.join(" × ");
    return [count, dtype].filter(Boolean).join(", ");
  }

  const cellsOf = (data) => data.grid?.flat() ?? [];
  const textsOf = (data) => (data.grid ? cellsOf(data).map((cell) => cell.text) : [data.text]);

  function fill(kept, data) {
    kept.data = data;
    const cells = cellsOf(data);
    const texts = textsOf(data);
    const most = data.grid ? 12 : 60;
    const widest = Math.max(4, ...texts.map((text) => Math.min(most, brief(text ?? "").length + 1)));
    const shortened = texts.some((text) => text && brief(text) !== text);
    kept.inputs.forEach((input, i) => {
      // What was typed stays until it has been answered.
      if (!kept.owed) kept.exact[i].text = texts[i];
      input.readOnly = view.turning > 0;
      input.size = widest; // the same for all: a column is as wide as its widest field
      input.classList.toggle("cr-even", shortened);
    });
    kept.values.forEach((span, i) => (span.textContent = minus(brief(cells[i].text))));
    for (const [node, read] of kept.texts) node.textContent = read(data);
    const gradients = data.gradient?.grid?.flat() ?? [];
    kept.gradients.forEach((button, i) => {
      const { name, text } = gradients[i];
      button.textContent = minus(text);
      button.setAttribute("aria-label", `Gradient of ${name} is ${text}. Show its paths`);
    });
  }

  function show() {
    for (const { gradients } of fields.values()) {
      for (const button of gradients) {
        const chosen = view.paths?.name === button.dataset.name;
        button.setAttribute("aria-pressed", String(chosen));
      }
    }
  }

  // -- editing -----------------------------------------------------------------------------

  /** The text of one argument, put together from its cells. */
  function textOf({ exact, data }) {
    if (!data.grid || !data.shape.length) return exact[0].text;
    const wide = data.grid[0].length;
    const rows = [];
    for (let i = 0; i < exact.length; i += wide) {
      rows.push(`[${exact.slice(i, i + wide).map(({ text }) => text.trim()).join(", ")}]`);
    }
    return data.shape.length > 1 ? `[${rows.join(", ")}]` : rows[0];
  }

  function edited(kept) {
    kept.owed = {};
    clearTimeout(timer);
    timer = setTimeout(() => {
      const request = taken();
      if (request) view.recompute(request);
    }, WAIT);
  }

  /** What was edited and is not answered yet, to be sent; null where there is nothing. */
  function taken() {
    clearTimeout(timer);
    const texts = {};
    const faults = [];
    let upstream;
    const asked = [...fields].filter(([, kept]) => kept.owed || isOther(kept));
    for (const [name, kept] of asked) {
      const empty = kept.inputs.find((input) => !input.value.trim());
      if (empty) {
        faults.push({ field: name, message: `${empty.getAttribute("aria-label")} needs a number.` });
        kept.owed = null;
      } else if (name === "upstream" && view.doc.upstream !== null) upstream = textOf(kept);
      else texts[name] = textOf(kept);
    }
    if (faults.length) complain(faults);
    if (faults.length || !asked.length) return null;
    for (const [, kept] of asked) kept.owed = texts;
    return { arguments: texts, ...(upstream === undefined ? {} : { upstream }) };
  }

  const isOther = ({ inputs, exact, data }) =>
    inputs.length > 0 && textsOf(data).some((text, i) => text !== exact[i].text);

  /** What was sent has been answered: the fields that have not been edited since show the answer. */
  function answered(texts, isDone) {
    for (const kept of fields.values()) {
      if (!texts || kept.owed !== texts) continue;
      kept.owed = null;
      if (isDone) fill(kept, kept.data);
    }
  }

  /** Numbers are in the notation that is shown: none is typed while another is on its way. */
  function lock() {
    for (const { inputs } of fields.values()) {
      for (const input of inputs) input.readOnly = view.turning > 0;
    }
  }

  /** Show what is wrong beside its field; what is shown otherwise stays. */
  function complain(faults) {
    for (const [name, kept] of fields) {
      const found = faults.filter((fault) => fault.field === name);
      kept.error.textContent = found.map((fault) => fault.message).join(" ");
      kept.error.hidden = !found.length;
      for (const input of kept.inputs) {
        if (found.length) {
          input.setAttribute("aria-invalid", "true");
          input.setAttribute("aria-describedby", kept.error.id);
        } else {
          input.removeAttribute("aria-invalid");
          input.removeAttribute("aria-describedby");
        }
      }
    }
    const others = faults.filter((fault) => !fields.has(fault.field));
    general.textContent = others.map((fault) => fault.message).join(" ");
    general.hidden = !others.length;
  }

  return { element, render, show, complain, taken, answered, lock, destroy: () => clearTimeout(timer) };
}
