/** Why a gradient is what it is: the paths of one number, their products and their sum. */

import { el } from "./dom.js";

export function pathsPanel(view) {
  const select = el("select", {
    "data-key": "why-select", "aria-label": "Number to explain",
    on: { change: () => view.ask(select.value) },
  });
  const answer = el("div", { class: "cr-answer", "aria-live": "polite" });
  const element = el(
    "div", { class: "cr-paths" },
    el("label", { class: "cr-field" }, el("span", { text: "Gradient of " }), select),
    answer,
  );

  function render() {
    const names = view.askable();
    select.replaceChildren(
      el("option", { value: "", text: "choose a number" }),
      ...names.map((name) => el("option", { value: name, text: name })),
    );
    select.disabled = !names.length;
  }

  function term(path, place, paths) {
    const factors = path.factors.map((f) => (f.startsWith("-") ? `(${minus(f)})` : f)).join(" · ");
    const names = path.stops.map((stop) => stop.name).join(" → ");
    const chosen = view.path === place;
    return el(
      "li", {},
      el(
        "button", {
          type: "button", class: "cr-path", "data-key": `path-${place}`,
          "aria-pressed": String(chosen),
          on: { click: () => view.choosePath(chosen ? null : place) },
        },
        el("span", { class: "cr-product", "data-product": path.product.number,
          text: minus(path.product.text) }),
        el("span", { class: "cr-equals", text: "=" }),
        el("span", { class: "cr-factors", text: factors }),
        el("span", { class: "cr-way", text: names }),
      ),
    );
  }

  function show() {
    const { paths, problem } = view;
    select.value = paths ? paths.name : "";
    if (paths && select.value !== paths.name) {
      select.append(el("option", { value: paths.name, text: paths.name }));
      select.value = paths.name;
    }
    if (!paths) {
      const hint = problem || "Choose a number, or click one in the picture or the table.";
      answer.replaceChildren(el("p", { class: "cr-hint", text: hint }));
      return;
    }
    const ways = paths.count === 1 ? "one path" : `${paths.count.toLocaleString("en")} paths`;
    const others = paths.hidden
      ? el("li", { class: "cr-others" },
          el("span", { class: "cr-product", text: minus(paths.rest.text) }),
          el("span", { class: "cr-way",
            text: `from ${paths.hidden.toLocaleString("en")} other ${paths.hidden === 1 ? "path" : "paths"}` }))
      : null;
    answer.replaceChildren(
      el("p", { class: "cr-sum-head", text: paths.count
        ? `${paths.name} reaches ${view.doc.output} by ${ways}.`
        : `No path of ${paths.name} carries anything: its gradient is 0.` }),
      el("ol", { class: "cr-terms" }, ...paths.terms.map((p, i) => term(p, i, paths)),
        ...(others ? [others] : [])),
      el("p", { class: "cr-total" },
        el("span", { text: `Together: ${paths.title} = ` }),
        el("strong", { class: "cr-product", "data-sum": paths.gradient.number,
          text: minus(paths.gradient.text) })),
      el("button", { type: "button", class: "cr-quiet", text: "Clear", "data-key": "why-clear",
        on: { click: () => view.ask("") } }),
    );
  }
  return { element, render, show };
}

/** A number with the sign that mathematics writes. */
export function minus(text) {
  return text.replace(/^-/, "−");
}
