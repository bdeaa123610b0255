/** How large the picture is: fitted into its place, or at a size of the reader's choice. */

import { el } from "./dom.js";

/** Smaller, and letters are hard to read: rather let it scroll. */
export const READABLE = 0.66;
const LARGEST_FIT = 1.25;
const [LEAST, MOST] = [0.08, 4];
const FACTOR = 1.25;

/**
 * The buttons, and what they do to the picture in a part that scrolls.
 * @param {HTMLElement} scroller
 * @returns {{element: HTMLElement, show: (svg: SVGElement) => void, destroy: () => void}}
 */
export function zoomBar(scroller) {
  let svg = null;
  let chosen = null; // a scale; "fit"; or null: fitted as far as it can be read
  const button = (label, text, key, click) =>
    el("button", {
      type: "button", class: "cr-quiet", text, "aria-label": label, title: label, "data-key": key,
      on: { click },
    });
  const smaller = button("Smaller picture", "−", "zoom-smaller", () => zoom(shown() / FACTOR));
  const full = button("", "100 %", "zoom-full", () => zoom(1));
  const larger = button("Larger picture", "+", "zoom-larger", () => zoom(shown() * FACTOR));
  const fit = button("Fit the whole picture", "Fit", "zoom-fit", () => { chosen = "fit"; size(); });
  full.classList.add("cr-scale");
  const element = el(
    "div", { class: "cr-zoom", role: "group", "aria-label": "Size of the picture" },
    smaller, full, larger, fit,
  );

  function natural() {
    const [, , width, height] = svg.getAttribute("viewBox").split(/\s+/).map(Number);
    return { width, height };
  }

  const shown = () => svg.getBoundingClientRect().width / natural().width || 1;

  /** As large as it can be read; what then is a little too wide is made to fit. */
  function easy(fitted, wide) {
    const scale = Math.max(READABLE, fitted);
    return scale > wide && wide > 0.9 * READABLE ? wide : scale;
  }

  function size() {
    if (!svg?.isConnected || !scroller.clientWidth) return;
    const { width, height } = natural();
    const most = parseFloat(getComputedStyle(scroller).maxHeight) || Infinity;
    const fitted = Math.min(LARGEST_FIT, scroller.clientWidth / width, most / height);
    const scale = chosen === null ? easy(fitted, scroller.clientWidth / width)
      : chosen === "fit" ? fitted : chosen;
    svg.setAttribute("width", (width * scale).toFixed(1));
    svg.setAttribute("height", (height * scale).toFixed(1));
    const more = width * scale > scroller.clientWidth + 1 || height * scale > most + 1;
    scroller.classList.toggle("cr-overflowing", more);
    const percent = `${Math.round(scale * 100)} %`;
    full.textContent = percent;
    full.setAttribute("aria-label", `Size ${percent}, show at 100 %`);
    full.title = "Show at 100 %";
    fit.setAttribute("aria-pressed", String(Math.abs(scale - fitted) < 0.005));
    smaller.disabled = scale <= LEAST * 1.01;
    larger.disabled = scale >= MOST / 1.01;
  }

  /** Change the scale; the point under the pointer, or the middle, stays where it is. */
  function zoom(scale, at = null) {
    const box = scroller.getBoundingClientRect();
    const { x, y } = at ?? { x: box.left + box.width / 2, y: box.top + box.height / 2 };
    const before = svg.getBoundingClientRect();
    const [right, down] = [(x - before.left) / before.width, (y - before.top) / before.height];
    chosen = Math.min(MOST, Math.max(LEAST, scale));
    size();
    const after = svg.getBoundingClientRect();
    scroller.scrollLeft += after.left + right * after.width - x;
    scroller.scrollTop += after.top + down * after.height - y;
  }

  /** On paper it has its own size, and no more than the width of the page. */
  function print() {
    if (!svg) return;
    svg.setAttribute("width", natural().width);
    svg.setAttribute("height", natural().height);
  }

  // -- wheel, keys and dragging --------------------------------------------------------------

  function wheel(event) {
    if (!svg || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    zoom(shown() * Math.exp(-event.deltaY / 400), { x: event.clientX, y: event.clientY });
  }

  function key(event) {
    if (!svg || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { "+": larger, "-": smaller, 0: full, f: fit }[event.key];
    if (!to) return;
    event.preventDefault();
    to.click();
  }

  function drag(event) {
    const onGround = !event.target.closest(".box, .edge, g.frame");
    const scrolls = scroller.classList.contains("cr-overflowing");
    if (event.button || event.pointerType !== "mouse" || !onGround || !scrolls) return;
    const start = [event.clientX + scroller.scrollLeft, event.clientY + scroller.scrollTop];
    const { left, top } = scroller.getBoundingClientRect();
    const onBar = event.clientX - left > scroller.clientWidth
      || event.clientY - top > scroller.clientHeight;
    if (onBar) return;
    event.preventDefault(); // no text is selected on the way
    const move = ({ clientX, clientY }) => {
      scroller.scrollLeft = start[0] - clientX;
      scroller.scrollTop = start[1] - clientY;
    };
    const end = () => {
      scroller.classList.remove("cr-dragged");
      window.removeEventListener("pointermove", move);
    };
    scroller.classList.add("cr-dragged");
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end, { once: true });
    window.addEventListener("pointercancel", end, { once: true });
  }

  scroller.addEventListener("wheel", wheel, { passive: false });
  scroller.addEventListener("keydown", key);
  scroller.addEventListener("pointerdown", drag);
  window.addEventListener("beforeprint", print);
  window.addEventListener("afterprint", size);
  const watcher = new ResizeObserver(size);
  watcher.observe(scroller);

  return {
    element,
    show(picture) {
      svg = picture;
      size();
    },
    destroy() {
      watcher.disconnect();
      window.removeEventListener("beforeprint", print);
      window.removeEventListener("afterprint", size);
    },
  };
}
