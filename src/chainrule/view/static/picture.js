/**
 * The picture: what is known at a step, one edge's product, zoom, open groups. What is opened and
 * is in no picture together with the rest has a picture of its own, below: an inset.
 */

import { adopt, el, picture } from "./dom.js";
import { edgeNote } from "./edge_note.js";
import { light } from "./lit.js";
import { READABLE, zoomBar } from "./zoom.js";

const AROUND = 10; // of a frame that is cut out

const idOf = (part) => part.closest("[data-id]")?.dataset.id ?? null;

/**
 * The panel of the picture.
 * @param {object} view The view that it is part of.
 */
export function picturePanel(view) {
  const scroller = el("div", {
    class: "cr-scroll cr-scrolls", "data-label": "Picture", "data-key": "picture",
  });
  const insets = el("div", { class: "cr-insets", hidden: true });
  const problem = el("p", { class: "cr-picture-problem", hidden: true });
  const levels = el("div", { class: "cr-segments", role: "group", "aria-label": "Level of detail" });
  const note = edgeNote(view);
  const zoom = zoomBar(scroller);
  const board = el("div", { class: "cr-board" }, scroller, problem, insets);
  const element = el(
    "section", { class: "cr-panel cr-picture", "aria-label": "Picture" },
    el("div", { class: "cr-panel-bar" }, levels, zoom.element), board, note.element,
  );
  let drawings = []; // [{svg, edges, frames, place}], the main one first
  let stop = 0; // which of the boxes and edges Tab comes to

  const of = (part) => drawings.find(({ svg }) => svg.contains(part));

  // -- rendering ---------------------------------------------------------------------------

  function render() {
    levels.replaceChildren(
      ...view.doc.levels.map(({ id, title }) =>
        el("button", {
          type: "button", class: "cr-segment", text: title, "data-key": `level-${id}`,
          "aria-pressed": String(id === view.opened.level), on: { click: () => view.opened.setLevel(id) },
        })),
    );
    levels.hidden = view.doc.levels.length < 2;
    problem.textContent = view.opened.problem;
    problem.hidden = !view.opened.problem;
    const [main, ...others] = view.opened.pictures();
    if (!main) return; // the one before stays until this one has come
    const active = board.getRootNode().activeElement;
    const focused = board.contains(active) ? idOf(active) : null;
    adopt(board, view.doc.style);
    note.offer("", null);
    drawings = [drawn(main, 0)];
    scroller.replaceChildren(drawings[0].svg);
    renderInsets(others);
    for (const one of stops()) one.setAttribute("tabindex", "-1");
    // What was opened or closed keeps its id; whatever had the focus is where it goes on.
    const again = stops().findIndex((one) => focused && idOf(one) === focused);
    stop = again >= 0 ? again : Math.min(stop, stops().length - 1);
    stops()[stop]?.setAttribute("tabindex", "0");
    if (focused) stops()[stop]?.focus({ preventScroll: true });
    zoom.show(drawings[0].svg);
    show();
  }

  function drawn(shown, place) {
    const whole = typeof shown === "string" ? { svg: shown } : shown;
    const svg = picture(whole.svg);
    svg.classList.add("cr-svg");
    for (const group of svg.querySelectorAll(".edge")) {
      const ends = whole.edges?.[group.dataset.id];
      const label = group.getAttribute("aria-label");
      group.setAttribute("role", "img");
      if (ends) group.setAttribute("aria-label", `${ends.from} to ${ends.to}: ${label}`);
      // A thin line is hard to point at: a wider one lies over it, unseen.
      const hit = group.querySelector(".wire").cloneNode();
      hit.setAttribute("class", "cr-hit");
      group.append(hit);
    }
    return { svg, edges: whole.edges ?? {}, frames: whole.frames ?? {}, place };
  }

  function renderInsets(others) {
    const hint = "Opened beside the picture: this file has no picture with all of it open. "
      + "In a notebook and in chainrule lab there is one.";
    insets.hidden = !others.length;
    insets.replaceChildren(
      ...(others.length ? [el("p", { class: "cr-hint", text: hint })] : []),
      ...others.map((shown, i) => {
        const made = drawn(shown, i + 1);
        drawings.push(made);
        return el("div", { class: "cr-inset cr-scrolls", "data-label": "Opened group" }, made.svg);
      }),
    );
    for (const { svg, place } of drawings.slice(1)) cutOut(svg, view.opened.insets[place - 1].frame);
  }

  /** Leave of a picture what is in one frame. */
  function cutOut(svg, id) {
    const frame = svg.querySelector(`g.frame[data-id="${CSS.escape(id)}"]`);
    const border = frame.querySelector(".border");
    const [x, y, width, height] = ["x", "y", "width", "height"]
      .map((name) => Number(border.getAttribute(name)));
    const [wide, high] = [width + 2 * AROUND, height + 2 * AROUND];
    for (const part of svg.querySelectorAll(".box, .edge, g.frame")) {
      const at = part.getBBox();
      const apart = at.x > x + width || at.x + at.width < x
        || at.y > y + height || at.y + at.height < y;
      const around = part.classList.contains("frame") && part !== frame && at.width > width;
      if (apart || around) part.remove();
    }
    svg.setAttribute("viewBox", `${x - AROUND} ${y - AROUND} ${wide} ${high}`);
    const scale = Math.max(READABLE, Math.min(1, scroller.clientWidth / wide));
    svg.setAttribute("width", (wide * scale).toFixed(1));
    svg.setAttribute("height", (high * scale).toFixed(1));
  }

  const stops = () => [...board.querySelectorAll(".face, .edge, g.frame")];

  function show() {
    if (!drawings.length) return;
    for (const drawing of drawings) showIn(drawing);
    const [{ svg }] = drawings;
    const now = svg?.querySelector(".edge.current") ?? svg?.querySelector(".current");
    if (now && scroller.classList.contains("cr-overflowing")) reveal(now);
    point(null);
  }

  function showIn({ svg, edges }) {
    const { step } = view;
    for (const part of svg.querySelectorAll("[data-known]")) {
      part.classList.toggle("cr-unknown", Number(part.dataset.known) > step);
    }
    for (const part of svg.querySelectorAll("[data-steps]")) {
      const current = step > 0 && part.dataset.steps.split(" ").includes(String(step));
      part.classList.toggle("current", current);
    }
    light(svg, edges, view.litPaths(), view.doc.steps);
  }

  function reveal(part) {
    const [a, b] = [part.getBoundingClientRect(), scroller.getBoundingClientRect()];
    const margin = 32;
    if (a.left < b.left + margin || a.right > b.right - margin) {
      scroller.scrollLeft += (a.left + a.right - b.left - b.right) / 2;
    }
    if (a.top < b.top + margin || a.bottom > b.bottom - margin) {
      scroller.scrollTop += (a.top + a.bottom - b.top - b.bottom) / 2;
    }
  }

  // -- pointing and pressing ---------------------------------------------------------------

  function point(edge) {
    for (const other of board.querySelectorAll(".cr-pointed")) {
      if (other !== edge) other.classList.remove("cr-pointed");
    }
    if (!edge) {
      note.clear();
      return;
    }
    edge.classList.add("cr-pointed");
    note.edge(of(edge)?.edges[edge.dataset.id], edge.getAttribute("aria-label") ?? "");
  }

  /** All that is to be taken out of what is open, to close a frame and what is in it. */
  function closedBy(id, { frames }) {
    const inside = (one) => one === id || (frames[one]?.parent ? inside(frames[one].parent) : false);
    return Object.keys(frames).filter(inside).map((one) => frames[one].closes);
  }

  function act(target) {
    const box = target.closest(".box");
    const frame = target.closest("g.frame");
    const edge = target.closest(".edge");
    const drawing = of(target);
    if (box?.dataset.opens && box.classList.contains("group")) {
      view.opened.openGroup(box.dataset.opens, drawing.place);
    } else if (box) {
      const { opens, name } = box.dataset;
      view.chooseBox(box.dataset);
      note.offer(name || box.querySelector("text").textContent,
        opens ? () => view.opened.openGroup(opens, drawing.place) : null);
    } else if (frame) {
      view.opened.closeGroup(frame.dataset.id, closedBy(frame.dataset.id, drawing), drawing.place);
    } else if (edge) {
      const steps = edge.dataset.steps.split(" ").filter(Boolean).map(Number);
      if (steps.length) view.goto(steps.includes(view.step) ? view.step : steps[0]);
    }
  }

  const edgeAt = (event) => event.target.closest?.(".edge") ?? null;
  board.addEventListener("pointerover", (event) => {
    if (edgeAt(event)) point(edgeAt(event));
  });
  board.addEventListener("focusin", (event) => point(edgeAt(event)));
  element.addEventListener("pointerleave", () => {
    if (board.querySelector(".cr-pointed")) point(null);
  });
  board.addEventListener("click", (event) => {
    const edge = edgeAt(event);
    act(event.target);
    if (edge) point(edge);
  });
  board.addEventListener("keydown", (event) => {
    if (!event.target.closest(".box, .edge, g.frame")) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      act(event.target);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const all = stops();
      const at = all.indexOf(event.target);
      const to = Math.min(all.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)));
      all[at]?.setAttribute("tabindex", "-1");
      stop = to;
      all[to].setAttribute("tabindex", "0");
      all[to].focus();
    }
  });

  return { element, render, show, destroy: zoom.destroy };
}
