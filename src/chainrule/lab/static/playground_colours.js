/** Colours of classes and signs: told apart by people who are colour-blind, on light and on dark. */

/** The shapes of the samples of each class, so that colour is never alone. */
export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "plus"];

let known = null;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { known = null; });

function rgb(text) {
  const hex = text.trim().replace("#", "");
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

/**
 * The colours that the style sheet gives.
 *
 * @param {Element} element within the playground
 */
export function palette(element) {
  if (known) return known;
  const style = getComputedStyle(element);
  const get = (name) => style.getPropertyValue(name).trim();
  known = {
    classes: SHAPES.map((_, at) => get(`--pg-class-${at}`)),
    paper: get("--pg-paper"),
    ink: get("--pg-ink"),
    quiet: get("--pg-quiet"),
    line: get("--pg-line"),
    accent: get("--pg-accent"),
    positive: get("--pg-positive"),
    negative: get("--pg-negative"),
    bad: get("--pg-bad"),
    font: get("--pg-font") || "system-ui, sans-serif",
  };
  known.rgb = {
    classes: known.classes.map(rgb),
    paper: rgb(known.paper),
    positive: rgb(known.positive),
    negative: rgb(known.negative),
  };
  return known;
}

/** Write into `out` at `at` the colour between two, `share` of the way to the second. */
export function blend(out, at, from, to, share) {
  for (let k = 0; k < 3; k += 1) out[at + k] = from[k] + (to[k] - from[k]) * share;
  out[at + 3] = 255;
}

/**
 * Draw the mark of a sample.
 *
 * @param {CanvasRenderingContext2D} context
 */
export function mark(context, shape, x, y, r) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") context.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
  else if (shape === "triangle") {
    context.moveTo(x, y - 1.2 * r);
    context.lineTo(x + 1.1 * r, y + 0.8 * r);
    context.lineTo(x - 1.1 * r, y + 0.8 * r);
  } else if (shape === "diamond") {
    context.moveTo(x, y - 1.3 * r);
    context.lineTo(x + 1.1 * r, y);
    context.lineTo(x, y + 1.3 * r);
    context.lineTo(x - 1.1 * r, y);
  } else {
    const w = 0.4 * r;
    context.save();
    context.translate(x, y);
    if (shape === "cross") context.rotate(Math.PI / 4);
    context.rect(-w, -1.3 * r, 2 * w, 2.6 * r);
    context.rect(-1.3 * r, -w, 2.6 * r, 2 * w);
    context.restore();
  }
  context.closePath();
}
