/** The line below the picture: local × upstream = gradient of the edge that is pointed at. */

import { el } from "./dom.js";

const HINT = "Point at an edge to see local × upstream = gradient. Click a box to go to its step.";

/**
 * @param {{step: number}} view
 * @returns {{element: HTMLElement, edge: Function, offer: Function, clear: () => void}}
 */
export function edgeNote(view) {
  const words = el("div", { class: "cr-edge-words" });
  const action = el("div", { class: "cr-edge-action" });
  const element = el("div", { class: "cr-edge-note" }, words, action);
  /** What is higher than its place lies over what is below: nothing moves under the pointer. */
  const fit = () => element.classList.toggle("cr-over", words.scrollHeight > element.clientHeight);
  function clear() {
    words.replaceChildren(el("span", { class: "cr-hint", text: HINT }));
    element.classList.remove("cr-over");
  }

  /** Show what is on an edge. */
  function edge(data, label) {
    words.replaceChildren(...(data ? product(data) : [label]));
    fit();
  }

  /** Offer what can be done with a box beyond going to its step; null for nothing. */
  function offer(name, open) {
    action.replaceChildren(...(open ? [el("button", {
      type: "button", class: "cr-quiet", text: `Open ${name} into single numbers`,
      "data-key": "open", on: { click: open },
    })] : []));
  }

  function product(data) {
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
    } else if (data.symbols && !weight) {
      found.push(piece("local", data.symbols, "cr-local"), sign("×"));
    }
    if (data.upstream && !weight) {
      found.push(piece("upstream", data.upstream, "cr-gradient"), sign("="));
    }
    found.push(piece("gradient", data.gradient, "cr-gradient"));
    return found;
  }

  clear();
  return { element, edge, offer, clear };
}
