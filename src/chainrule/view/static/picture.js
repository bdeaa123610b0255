/** The picture: what is known at a step, one edge's product, paths, zoom, open groups. */

import { adopt, el, picture } from "./dom.js";

const SMALLEST = 0.66; // smaller, and nobody could read it

/**
 * The panel of the picture.
 * @param {object} view The view that it is part of.
 */
export function picturePanel(view) {
  const scroller = el("div", { class: "cr-scroll cr-scrolls", "data-label": "Picture", "data-key": "picture" });
  const note = el("p", { class: "cr-edge-note" });
  const levels = el("div", { class: "cr-segments", role: "group", "aria-label": "Level of detail" });
  const zoom = el("div", { class: "cr-zoom", role: "group", "aria-label": "Size of the picture" });
  const element = el(
    "section", { class: "cr-panel cr-picture", "aria-label": "Picture" },
    el("div", { class: "cr-panel-bar" }, levels, zoom), scroller, note,
  );
  let svg = null;
  let scale = 0; // 0 fits the picture into its place
  let edges = {};
  let stop = 0; // which of the boxes and edges Tab comes to

  for (const [label, text, factor] of [
    ["Smaller", "−", 1 / 1.25], ["Fit", "Fit", 0], ["Larger", "+", 1.25],
  ]) {
    const button = el("button", {
      type: "button", class: "cr-quiet", text, "aria-label": `${label} picture`,
      "data-key": `zoom-${label}`,
      on: { click: () => { scale = factor ? shownScale() * factor : 0; size(); } },
    });
    zoom.append(button);
  }

  function natural() {
    const [, , width, height] = svg.getAttribute("viewBox").split(/\s+/).map(Number);
    return { width, height };
  }

  function shownScale() {
    return svg ? svg.getBoundingClientRect().width / natural().width || 1 : 1;
  }

  function size() {
    if (!svg) return;
    const { width, height } = natural();
    const style = getComputedStyle(scroller);
    const most = parseFloat(style.maxHeight) || Infinity;
    const fit = Math.min(1.25, scroller.clientWidth / width, most / height);
    const shown = scale || Math.max(Math.min(SMALLEST, 1), fit);
    svg.setAttribute("width", (width * shown).toFixed(1));
    svg.setAttribute("height", (height * shown).toFixed(1));
    const wider = width * shown > scroller.clientWidth + 1 || height * shown > most + 1;
    scroller.classList.toggle("cr-overflowing", wider);
  }
  const watcher = new ResizeObserver(size);
  watcher.observe(scroller);

  // -- what is on an edge ------------------------------------------------------------------

  function tell(edge) {
    const data = edge && edges[edge.dataset.id];
    note.replaceChildren();
    for (const other of scroller.querySelectorAll(".cr-pointed")) {
      other.classList.remove("cr-pointed");
    }
    if (!edge) {
      note.append(el("span", { class: "cr-hint", text: view.hint }));
      return;
    }
    edge.classList.add("cr-pointed");
    note.append(...(data ? words(data) : [edge.getAttribute("aria-label") || ""]));
  }

  /** What can be done with a box beyond going to its step. */
  function about(box) {
    const { opens, name } = box.dataset;
    if (!opens) return;
    note.replaceChildren(
      el("span", { class: "cr-ends", text: name || box.getAttribute("aria-label") }),
      el("button", {
        type: "button", class: "cr-quiet", text: "Open into single numbers", "data-key": "open",
        on: { click: () => view.setLevel(view.level, [...view.open, opens]) },
      }));
  }

  function words(data) {
    const piece = (caption, text, kind) =>
      el("span", { class: `cr-factor ${kind}` },
        el("span", { class: "cr-caption", text: caption }), el("span", { text }));
    const sign = (text) => el("span", { class: "cr-sign", text });
    const weight = data.symbols && !data.symbols.includes("∂") && !data.local;
    const found = [
      el("span", { class: "cr-ends", text: `${data.from} → ${data.to}` }),
      piece(weight ? `weight ${data.symbols}` : "value", data.value, "cr-value"),
    ];
    if (!data.gradient) return [...found, sign("no gradient passes here")];
    if (data.known > view.step) return [...found, sign("its gradient is not known yet")];
    if (data.local) {
      const local = data.symbols.includes(data.local) ? data.symbols : `${data.symbols} = ${data.local}`;
      found.push(piece("local", data.symbols ? local : data.local, "cr-local"), sign("×"));
    } else if (data.symbols && !weight) found.push(piece("local", data.symbols, "cr-local"), sign("×"));
    if (data.upstream && !weight) found.push(piece("upstream", data.upstream, "cr-gradient"), sign("="));
    found.push(piece("gradient", data.gradient, "cr-gradient"));
    return found;
  }

  // -- rendering ---------------------------------------------------------------------------

  function render() {
    const shown = view.picture();
    levels.replaceChildren(
      ...view.doc.levels.map(({ id, title }) =>
        el("button", {
          type: "button", class: "cr-segment", text: title, "data-key": `level-${id}`,
          "aria-pressed": String(id === view.level), on: { click: () => view.setLevel(id, []) },
        })),
    );
    levels.hidden = view.doc.levels.length < 2;
    if (!shown) return;
    const focused = scroller.contains(scroller.getRootNode().activeElement)
      ? scroller.getRootNode().activeElement.dataset.id : null;
    adopt(scroller, view.doc.style);
    svg = picture(typeof shown === "string" ? shown : shown.svg);
    edges = shown.edges ?? {};
    svg.classList.add("cr-svg");
    scroller.replaceChildren(svg);
    for (const group of svg.querySelectorAll(".edge")) {
      group.setAttribute("role", "img");
      // A thin line is hard to point at: a wider one lies over it, unseen.
      const hit = group.querySelector(".wire").cloneNode();
      hit.setAttribute("class", "cr-hit");
      group.append(hit);
    }
    for (const one of stops()) one.setAttribute("tabindex", "-1");
    // What was opened or closed keeps its id; whatever had the focus is where it goes on.
    const again = stops().findIndex((one) => focused && one.dataset.id === focused);
    stop = again >= 0 ? again : Math.min(stop, stops().length - 1);
    stops()[stop]?.setAttribute("tabindex", "0");
    if (focused) stops()[stop]?.focus({ preventScroll: true });
    size();
    show();
  }

  const stops = () => [...scroller.querySelectorAll(".box, .edge, g.frame")];

  function show() {
    if (!svg) return;
    const step = view.step;
    for (const part of svg.querySelectorAll("[data-known]")) {
      part.classList.toggle("cr-unknown", Number(part.dataset.known) > step);
    }
    let first = null;
    for (const part of svg.querySelectorAll("[data-steps]")) {
      const current = step > 0 && part.dataset.steps.split(" ").includes(String(step));
      part.classList.toggle("current", current);
      if (current) first = first?.classList.contains("edge") ? first : part;
    }
    light();
    if (first && scroller.classList.contains("cr-overflowing")) reveal(first);
    tell(null);
  }

  function reveal(part) {
    const [a, b] = [part.getBoundingClientRect(), scroller.getBoundingClientRect()];
    const margin = 24;
    if (a.left < b.left + margin || a.right > b.right - margin) {
      scroller.scrollLeft += (a.left + a.right - b.left - b.right) / 2;
    }
    if (a.top < b.top + margin || a.bottom > b.bottom - margin) {
      scroller.scrollTop += (a.top + a.bottom - b.top - b.bottom) / 2;
    }
  }

  // -- paths -------------------------------------------------------------------------------

  const part = (id) => svg.querySelector(`.box[data-id="${CSS.escape(id)}"]`);

  /** The box that a number is seen in: its own, that of its array, or of the closed group. */
  function boxOf(id) {
    const node = id.replace(/\[.*/, "");
    const own = part(id) ?? part(node);
    if (own) return own;
    // A unit is shown for one sample: the same unit stands for the others.
    const last = /(\d+)\]$/.exec(id)?.[1];
    const unit = [...svg.querySelectorAll(`.box[data-id^="${CSS.escape(node)}["]`)].find((box) =>
      last !== undefined && box.dataset.id.endsWith(last + "]"));
    if (unit) return unit;
    const step = view.doc.steps.find((s) => s.node === node && s.kind === "forward");
    if (!step) return null;
    return [...svg.querySelectorAll(".box.group")].find((box) =>
      box.dataset.steps.split(" ").includes(String(step.number)));
  }

  /** The edges from one box to the next, or by way of one that is a part of the next. */
  function between(from, to) {
    const out = [...svg.querySelectorAll(`.edge[data-source="${CSS.escape(from)}"]`)];
    const direct = out.filter((edge) => edge.dataset.target === to);
    if (direct.length) return direct;
    for (const edge of out) {
      const way = edge.dataset.target;
      const on = svg.querySelector(
        `.edge[data-source="${CSS.escape(way)}"][data-target="${CSS.escape(to)}"]`);
      if (on) return [edge, part(way), on].filter(Boolean);
    }
    return [];
  }

  /** Where weights stand on edges: the edge of one, lit, and the box that it leads out of. */
  function weightEdge(name) {
    const id = Object.keys(edges).find((one) => edges[one].symbols === name);
    const edge = id && svg.querySelector(`.edge[data-id="${CSS.escape(id)}"]`);
    if (!edge) return null;
    edge.classList.add("cr-lit");
    part(edge.dataset.target)?.classList.add("cr-lit");
    part(edge.dataset.source)?.classList.add("cr-lit");
    return part(edge.dataset.target);
  }

  function light() {
    for (const lit of svg.querySelectorAll(".cr-lit")) lit.classList.remove("cr-lit");
    const chosen = view.litPaths();
    svg.classList.toggle("cr-has-lit", chosen.length > 0);
    for (const path of chosen) {
      let before = weightEdge(path.stops[0].name);
      for (const stopped of path.stops) {
        const box = boxOf(stopped.id);
        if (!box) continue;
        box.classList.add("cr-lit");
        if (before && before !== box) {
          for (const piece of between(before.dataset.id, box.dataset.id)) {
            piece.classList.add("cr-lit");
          }
        }
        before = box;
      }
    }
  }

  // -- pointing and pressing ---------------------------------------------------------------

  function act(target) {
    const box = target.closest(".box");
    const frame = target.closest("g.frame");
    if (box?.dataset.opens && box.classList.contains("group")) view.setLevel(view.level, [...view.open, box.dataset.opens]);
    else if (box) {
      view.chooseBox(box.dataset);
      about(box);
    }
    else if (frame) view.setLevel(view.level, view.open.filter((id) => id !== frame.dataset.id));
    else if (target.closest(".edge")) {
      const steps = target.closest(".edge").dataset.steps.split(" ").filter(Boolean).map(Number);
      if (steps.length) view.goto(steps.includes(view.step) ? view.step : steps[0]);
    }
  }
  const edgeAt = (event) => event.target.closest?.(".edge") ?? null;
  scroller.addEventListener("pointerover", (event) => tell(edgeAt(event)));
  scroller.addEventListener("pointerleave", () => tell(null));
  scroller.addEventListener("focusin", (event) => tell(edgeAt(event)));
  scroller.addEventListener("focusout", () => tell(null));
  scroller.addEventListener("click", (event) => {
    const edge = edgeAt(event);
    act(event.target);
    if (edge) tell(edge);
  });
  scroller.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      act(event.target);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const all = stops();
      const at = all.indexOf(document.activeElement?.shadowRoot?.activeElement ?? event.target);
      const to = Math.min(all.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)));
      all[at]?.setAttribute("tabindex", "-1");
      stop = to;
      all[to].setAttribute("tabindex", "0");
      all[to].focus();
    }
  });

  return { element, render, show, destroy: () => watcher.disconnect() };
}
