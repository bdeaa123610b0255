/** The user's source, with the line of the current step lit. */

import { el } from "./dom.js";

export function sourcePanel(view) {
  const element = el("div", { class: "cr-source" });
  let lines = new Map();
  function render() {
    lines = new Map();
    const blocks = view.doc.sources.map((block, place) => {
      const rows = block.lines.map((text, i) => {
        const number = block.first + i;
        const line = el(
          "span", { class: "cr-code-line" },
          el("span", { class: "cr-code-mark", "aria-hidden": "true" }),
          el("span", { class: "cr-code-number", "aria-hidden": "true", text: number }),
          el("span", { class: "cr-code-text", text: text || " " }),
        );
        lines.set(`${place}:${number}`, line);
        return line;
      });
      const label = block.file || "the forward pass, one line a step";
      return el(
        "figure", { class: "cr-code" },
        el("figcaption", { text: label }),
        el("pre", { class: "cr-scrolls", "data-label": `Source: ${label}` },
          el("code", {}, ...rows)),
      );
    });
    element.replaceChildren(...blocks);
  }
  function show() {
    const at = view.current()?.line;
    const key = at ? at.join(":") : "";
    for (const [name, line] of lines) {
      const current = name === key;
      line.classList.toggle("cr-lit-line", current);
      if (current) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
      if (current) scrollWithin(line.closest("pre"), line);
    }
  }
  return { element, render, show };
}

/** Bring a line into view without moving the page. */
function scrollWithin(box, line) {
  const top = line.offsetTop - box.offsetTop;
  const outside = top < box.scrollTop || top + line.offsetHeight > box.scrollTop + box.clientHeight;
  if (outside) box.scrollTop = top - box.clientHeight / 2;
}
