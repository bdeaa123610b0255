/** The step bar, the current step set large, and the list of all steps. */

import { copy, el, equation, math } from "./dom.js";

const PHASES = { inputs: "Inputs", forward: "Forward", backward: "Backward" };

/** What the lines of a step are, from top to bottom. */
function captions(step) {
  if (step.local) return ["local derivative", "upstream × local"];
  return step.kind === "sum" ? ["sum over the ways"] : [""];
}

/**
 * The bar that steps.
 * @param {{goto: (step: number) => void}} view
 */
export function stepBar(view) {
  const button = (name, text, to) =>
    el("button", {
      type: "button", class: "cr-step-button", "data-key": `step-${name}`, "aria-label": name,
      title: name, text, on: { click: () => view.goto(to()) },
    });
  const back = button("Back one step", "‹", () => view.step - 1);
  const next = button("Next step", "›", () => view.step + 1);
  const slider = el("input", {
    type: "range", min: 0, step: 1, "aria-label": "Step", "data-key": "step-slider",
    on: { input: () => view.goto(Number(slider.value)) },
  });
  const phase = el("span", { class: "cr-phase" });
  const count = el("span", { class: "cr-count" });
  const element = el(
    "div", { class: "cr-bar", role: "group", "aria-label": "Steps" },
    back, el("div", { class: "cr-track" }, el("div", { class: "cr-where" }, phase, count), slider),
    next,
  );
  function show() {
    const { step, last } = view;
    const found = view.current();
    slider.max = last;
    slider.value = step;
    const words = found ? PHASES[found.phase] : "Start";
    phase.textContent = words;
    phase.dataset.phase = found ? found.phase : "inputs";
    count.textContent = step ? `step ${step} of ${last}` : `${last} steps`;
    slider.setAttribute("aria-valuetext", `${words}, step ${step} of ${last}`);
    back.disabled = step <= 0;
    next.disabled = step >= last;
  }
  return { element, show };
}

/** The current step. */
export function stepCard(view) {
  const element = el("div", { class: "cr-card-body" });
  function start() {
    const inputs = view.doc.steps.filter((step) => step.kind === "input" && step.lines.length);
    const shown = inputs.slice(0, 12);
    const rest = inputs.length - shown.length;
    return [
      el("div", { class: "cr-lines cr-inputs cr-scrolls", "data-label": "Inputs" }, ...shown.map((s) => equation(s.lines[0]))),
      rest > 0 ? el("p", { class: "cr-reason", text: `and ${rest} more` }) : null,
      el("p", { class: "cr-reason", text: "These are given. Step forward with › or the → key." }),
    ];
  }
  function show() {
    const step = view.current();
    if (!step) {
      element.replaceChildren(...start().filter(Boolean));
      return;
    }
    const captioned = captions(step);
    const lines = step.lines.map((line, i) =>
      el(
        "div", { class: "cr-line" },
        captioned[i] ? el("div", { class: "cr-caption", text: captioned[i] }) : null,
        equation(line),
      ),
    );
    const through = step.through
      ? el("p", { class: "cr-through" }, el("span", { text: "through " }), math(step.through.mathml))
      : null;
    const button = el("button", {
      type: "button", class: "cr-quiet", text: "Copy LaTeX", "data-key": "copy-current",
      on: { click: () => copy(button, step.latex, view.say) },
    });
    const foot = el(
      "div", { class: "cr-foot" },
      el("span", { class: "cr-place", text: step.place }), button,
    );
    const formulas = el("div", { class: "cr-lines cr-scrolls", "data-label": "Formulas" }, ...lines);
    element.replaceChildren(
      ...[
        through,
        formulas,
        step.reason ? el("p", { class: "cr-reason", text: step.reason }) : null,
        foot,
      ].filter(Boolean),
    );
    // Rather smaller than scrolling, as far as it can be read.
    formulas.classList.toggle("cr-tight", formulas.scrollWidth > formulas.clientWidth + 1);
  }
  return { element, show };
}

/** All steps, one below the other. */
export function stepList(view) {
  const element = el("div", { class: "cr-list" });
  const rows = new Map();
  let numbers = new Set();
  let lit = null;
  function row(step) {
    const go = el("button", {
      type: "button", class: "cr-number", text: step.number, "data-key": `row-${step.number}`,
      "aria-label": `Go to step ${step.number}: ${step.title}`,
      on: { click: () => view.goto(step.number) },
    });
    const copier = el("button", {
      type: "button", class: "cr-quiet cr-copy", text: "Copy", "data-key": `copy-${step.number}`,
      "aria-label": `Copy step ${step.number} as LaTeX`,
      on: { click: () => copy(copier, step.latex, view.say) },
    });
    const body = el(
      "div", { class: "cr-row-body cr-scrolls", "data-label": `Step ${step.number}`, on: { click: () => view.goto(step.number) } },
      ...step.lines.map((line) => equation(line)),
      step.reason ? el("p", { class: "cr-reason", text: step.reason }) : null,
    );
    const item = el("li", { class: "cr-row", "data-step": step.number }, go, body, copier);
    rows.set(step.number, item);
    return item;
  }
  /** Rows, with a word where steps are left out between two of them. */
  function rowsOf(steps) {
    return steps.flatMap((step) => {
      const before = step.number - 1;
      const gap = before > 0 && !numbers.has(before);
      const count = view.doc.left_out.toLocaleString("en");
      return [
        ...(gap ? [el("li", { class: "cr-gap", text: `${count} steps are left out here.` })] : []),
        row(step),
      ];
    });
  }
  function render() {
    rows.clear();
    numbers = new Set(view.doc.steps.map(({ number }) => number));
    const { steps, sentences } = view.doc;
    const part = (title, phase, before, after) => {
      const found = steps.filter((step) => step.phase === phase);
      if (!found.length) return [];
      const inside =
        phase === "inputs"
          ? el("ul", { class: "cr-given" }, ...found.map((s) => el("li", {}, equation(s.lines[0]))))
          : el("ol", { class: "cr-rows" }, ...rowsOf(found));
      return [
        view.heading(2, title),
        ...before.map((text) => el("p", { class: "cr-sentence", text })),
        inside,
        ...after.map((text) => el("p", { class: "cr-sentence", text })),
      ];
    };
    element.replaceChildren(
      ...part("Inputs", "inputs", [], []),
      ...part("Forward pass", "forward", [], sentences.branches),
      ...part("Backward pass", "backward", [sentences.meaning.join(" ")], sentences.last),
    );
  }
  function show() {
    // There may be many rows: the one that was lit and the one that is to be are touched.
    lit?.classList.remove("cr-current");
    lit?.removeAttribute("aria-current");
    lit = rows.get(view.step);
    lit?.classList.add("cr-current");
    lit?.setAttribute("aria-current", "step");
  }
  return { element, render, show };
}
