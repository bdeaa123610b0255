/** Elements, numbers as text, and canvases that are sharp on any screen. */

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} attributes `text` is its text, `on` its listeners by event
 * @param {...(Node | string)} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A text with true minus signs before its numbers. */
export function minus(text) {
  return text.replace(/(^|[^\w)\]])-(?=[\d.∞])/g, "$1−").replace(/(\d)e([+-]?)0*(\d)/g,
    (_, before, sign, digit) => `${before}e${sign === "-" ? "−" : ""}${digit}`);
}

/** A number as people read it, with a true minus. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(digits - 1)
    : String(Number(value.toPrecision(digits)));
  return minus(text);
}

/**
 * A text, cut where it has no room.
 *
 * @param {CanvasRenderingContext2D} context
 */
export function shortened(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  const letters = [...text];
  while (letters.length > 1 && context.measureText(`${letters.join("")}…`).width > room) letters.pop();
  return `${letters.join("")}…`;
}

/**
 * Write beside a place what is there, within the canvas.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number[]} place
 * @param {object} colours
 */
export function tag(context, [x, y], text, { font, paper, ink, quiet }) {
  const { clientWidth: width } = context.canvas;
  context.font = `12px ${font}`;
  const shown = shortened(context, text, width - 20);
  const wide = context.measureText(shown).width + 12;
  const left = Math.max(2, Math.min(width - wide - 2, x - wide / 2));
  const top = y < 44 ? y + 14 : y - 34;
  context.fillStyle = paper;
  context.strokeStyle = quiet;
  context.lineWidth = 1;
  context.beginPath();
  context.roundRect(left, top, wide, 22, 5);
  context.fill();
  context.stroke();
  context.fillStyle = ink;
  context.textAlign = "left";
  context.fillText(shown, left + 6, top + 15);
}

/** A share as a percentage. */
export function percent(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return `${(100 * value).toFixed(value > 0.9995 || value < 0.0005 ? 0 : 1)} %`;
}

/**
 * Fit a canvas to its place on the page; the context then counts in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 */
export function fitted(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * Tell what the pointer is at on a canvas, and what is clicked.
 *
 * @param {HTMLCanvasElement} canvas `data-over` becomes `kind` where there is something.
 * @param {string} kind
 * @param {(event: PointerEvent) => any} near what is at the pointer; null where nothing is.
 * @param {{changed: (found: any) => void, chosen: (found: any) => void, same?: (a: any, b: any) => boolean}} told
 */
export function pointing(canvas, kind, near, { changed, chosen, same = Object.is }) {
  let over = null;
  const at = (found) => {
    if (same(found, over)) return;
    over = found;
    canvas.dataset.over = found === null ? "" : kind;
    changed(found);
  };
  canvas.addEventListener("click", (event) => {
    const found = near(event);
    if (found !== null) chosen(found);
  });
  canvas.addEventListener("pointermove", (event) => at(near(event)));
  canvas.addEventListener("pointerleave", () => at(null));
}
