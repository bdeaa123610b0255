/**
 * The network: each unit a small square that shows what it gives over the plane, each weight a line.
 * Lines are solid for positive weights and dashed for negative ones, and wider the larger they are.
 */

import { blend, palette } from "./playground_colours.js";
import { fitted, number, pointing, shortened, tag } from "./playground_dom.js";

const TOP = 30;
const BOTTOM = 34;
/** Pixels from a line at which a click still means it. */
const NEAR = 6;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {(weight: {layer: number, from: number, to: number}) => void} chosen
 */
export function createNetwork(canvas, chosen) {
  const small = document.createElement("canvas");
  let run = null;
  let where = [];
  let frame = null;
  let selected = null;
  let hovered = null;

  /** Where the units of each column are: inputs, hidden layers, classes. */
  function columns() {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const counts = [2, ...run.layers.map((layer) => layer.units)];
    const most = Math.max(...counts);
    const room = height - TOP - BOTTOM;
    const pitch = Math.min(52, room / most);
    const across = (width - 44) / counts.length;
    const size = Math.max(6, Math.min(34, pitch - 5, across * 0.46));
    return counts.map((count, column) => ({
      size,
      x: 22 + across * (column + 0.5),
      units: Array.from({ length: count }, (_, unit) =>
        TOP + room / 2 + (unit - (count - 1) / 2) * pitch),
    }));
  }

  function curve(at, { layer, from, to }) {
    const [a, b] = [at[layer], at[layer + 1]];
    const [x0, x1] = [a.x + a.size / 2, b.x - b.size / 2];
    const bend = (x1 - x0) * 0.45;
    return [x0, a.units[from], x0 + bend, a.units[from], x1 - bend, b.units[to], x1, b.units[to]];
  }

  function near(event) {
    if (!run) return null;
    const place = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - place.left, event.clientY - place.top];
    const at = columns();
    let best = null;
    let least = NEAR;
    run.layers.forEach(({ inputs, units }, layer) => {
      for (let to = 0; to < units; to += 1) {
        const { x: cx, size, units: ys } = at[layer + 1];
        if (Math.abs(cx - x) <= size / 2 && Math.abs(ys[to] - y) <= size / 2) {
          [best, least] = [{ layer, from: -1, to }, -1];
        }
        for (let from = 0; from < inputs && least >= 0; from += 1) {
          const distance = away(curve(at, { layer, from, to }), x, y);
          if (distance < least) [best, least] = [{ layer, from, to }, distance];
        }
      }
    });
    return best;
  }

  const changed = (weight) => { hovered = weight; draw(); };
  pointing(canvas, "weight", near, { changed, chosen, same });

  function draw() {
    const { context, height } = fitted(canvas);
    if (!run || height < 60) return;
    const colours = palette(canvas);
    const at = columns();
    lines(context, at, colours);
    units(context, at, colours);
    labels(context, at, colours, height);
    if (hovered && frame) tag(context, middle(at, hovered), said(hovered), colours);
  }

  function said({ layer, from, to }) {
    const { index, title } = where[layer];
    return `${title(from, to)} = ${number(frame.parts.weights[index(from, to)])}`;
  }

  /** A place on the line of a weight, or the unit of a bias. */
  function middle(at, weight) {
    if (weight.from >= 0) return point(curve(at, weight), 0.5);
    const column = at[weight.layer + 1];
    return [column.x, column.units[weight.to]];
  }

  function lines(context, at, colours) {
    const weights = frame?.parts.weights;
    if (!weights) return;
    run.layers.forEach((layer, index) => {
      let most = 1e-9;
      for (let from = 0; from < layer.inputs; from += 1) {
        for (let to = 0; to < layer.units; to += 1) {
          most = Math.max(most, Math.abs(weights[where[index].index(from, to)]));
        }
      }
      for (let from = 0; from < layer.inputs; from += 1) {
        for (let to = 0; to < layer.units; to += 1) {
          line(context, at, { layer: index, from, to }, most, colours);
        }
      }
    });
    for (const weight of [hovered, selected]) {
      if (weight && weight.from >= 0) line(context, at, weight, 0, colours);
    }
  }

  /** Draw one weight; with `most` 0, as the one that is meant. */
  function line(context, at, weight, most, colours) {
    const value = frame.parts.weights[where[weight.layer].index(weight.from, weight.to)];
    const share = most ? Math.min(1, Math.abs(value) / most) : 1;
    if (most && share < 0.02) return;
    const [x0, y0, ...rest] = curve(at, weight);
    context.beginPath();
    context.moveTo(x0, y0);
    context.bezierCurveTo(...rest);
    context.setLineDash(value < 0 ? [5, 4] : []);
    context.strokeStyle = value < 0 ? colours.negative : colours.positive;
    context.globalAlpha = most ? 0.18 + 0.72 * share : 1;
    context.lineWidth = most ? 0.6 + 2.6 * share : 4;
    context.stroke();
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  function units(context, at, colours) {
    let hidden = 0;
    at.forEach((column, index) => {
      const layer = run.layers[index - 1];
      const dead = new Set((layer && frame?.dead[layer.name]) ?? []);
      column.units.forEach((y, unit) => {
        const [x, size] = [column.x - column.size / 2, column.size];
        const top = y - size / 2;
        context.fillStyle = colours.paper;
        context.fillRect(x, top, size, size);
        const isHidden = index > 0 && index < at.length - 1;
        if (isHidden && frame) {
          shade(small, frame, hidden, colours.rgb);
          context.drawImage(small, x, top, size, size);
          hidden += 1;
        } else if (index === 0) {
          slope(context, x, top, size, unit, colours);
        } else if (index === at.length - 1) {
          context.fillStyle = colours.classes[unit];
          context.fillRect(x, top, size, size);
        }
        const means = (w) => w && w.from < 0 && w.layer === index - 1 && w.to === unit;
        context.strokeStyle = means(selected) || means(hovered) ? colours.ink : colours.quiet;
        context.lineWidth = means(selected) ? 3 : means(hovered) ? 2 : 1;
        context.strokeRect(x, top, size, size);
        if (dead.has(unit)) cross(context, x, top, size, colours);
      });
    });
  }

  function labels(context, at, colours, height) {
    const across = at.length > 1 ? at[1].x - at[0].x : 0;
    context.textAlign = "center";
    const bar = Math.min(40, across - 8);
    context.font = `${across < 50 ? 10 : 12}px ${colours.font}`;
    at.forEach((column, index) => {
      const layer = run.layers[index - 1];
      context.fillStyle = colours.ink;
      context.fillText(layer?.name ?? "inputs", column.x, 16, across - 6);
      if (!layer || !frame) return;
      const norm = frame.norms[layer.name];
      context.fillStyle = colours.quiet;
      context.fillText(number(norm, 2), column.x, height - 6, across - 6);
      // Its logarithm as the length of a bar: gradients that vanish are seen at once.
      const share = norm > 0 ? Math.max(0.03, Math.min(1, (Math.log10(norm) + 5) / 6)) : 0;
      context.fillStyle = colours.line;
      context.fillRect(column.x - bar / 2, height - 23, bar, 3);
      context.fillStyle = colours.accent;
      context.fillRect(column.x - bar / 2, height - 23, bar * share, 3);
    });
    if (at.length) {
      context.fillStyle = colours.quiet;
      context.fillText("|gradient|", at[0].x, height - 6, across - 6);
    }
    classes(context, at.at(-1), colours);
    const { x, size, units: heights } = at[0];
    context.font = `11px ${colours.font}`;
    context.textAlign = "right";
    heights.forEach((y, unit) => {
      const name = run.points.axes[unit];
      const room = x - size / 2 - 8;
      const isBeside = context.measureText(name).width <= room || heights[1] - heights[0] < size + 16;
      if (isBeside) context.fillText(shortened(context, name, room), x - size / 2 - 4, y + 4);
      else context.fillText(shortened(context, name, x + size / 2 - 2), x + size / 2, y + size / 2 + 12);
    });
  }

  /** Say beside each of the last units whose it is. */
  function classes(context, { x, size, units: heights }, colours) {
    context.font = `11px ${colours.font}`;
    context.textAlign = "left";
    context.fillStyle = colours.quiet;
    const [left, right] = [x + size / 2 + 5, canvas.clientWidth - 2];
    if (heights.length > 1 && heights[1] - heights[0] < 12) return;
    heights.forEach((y, unit) => context.fillText(shortened(context, run.points.classes[unit], right - left), left, y + 4));
  }

  return {
    begin(described, placed) {
      [run, where, frame, selected, hovered] = [described, placed, null, null, null];
      draw();
    },
    show(next) { frame = next; draw(); },
    select(weight) { selected = weight; draw(); },
    /** A point on the line of a weight, in CSS pixels from the canvas's corner. */
    where: (weight) => middle(columns(), weight),
    draw,
  };
}

/** Paint what a unit gives over the plane: one colour for positive, another for negative. */
function shade(small, frame, unit, rgb) {
  const side = frame.small;
  small.width = small.height = side;
  const context = small.getContext("2d");
  const image = context.createImageData(side, side);
  const start = unit * side * side;
  for (let cell = 0; cell < side * side; cell += 1) {
    const tilt = (frame.parts.units[start + cell] - 128) / 127;
    const to = tilt < 0 ? rgb.negative : rgb.positive;
    blend(image.data, 4 * cell, rgb.paper, to, 0.8 * Math.min(1, Math.abs(tilt)));
  }
  context.putImageData(image, 0, 0);
}

/** What an input gives over the plane is its coordinate. */
function slope(context, x, y, size, unit, colours) {
  const shades = unit
    ? context.createLinearGradient(x, y + size, x, y)
    : context.createLinearGradient(x, y, x + size, y);
  [colours.negative, colours.paper, colours.positive].forEach((colour, at) => shades.addColorStop(at / 2, colour));
  context.globalAlpha = 0.8;
  context.fillStyle = shades;
  context.fillRect(x, y, size, size);
  context.globalAlpha = 1;
}

function cross(context, x, y, size, colours) {
  context.strokeStyle = colours.bad;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x + 3, y + 3);
  context.lineTo(x + size - 3, y + size - 3);
  context.moveTo(x + size - 3, y + 3);
  context.lineTo(x + 3, y + size - 3);
  context.stroke();
}

function point([x0, y0, x1, y1, x2, y2, x3, y3], t) {
  const s = 1 - t;
  const [a, b, c, d] = [s ** 3, 3 * s * s * t, 3 * s * t * t, t ** 3];
  return [a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3];
}

/** How far a point is from a curve, about. */
function away(curve, x, y) {
  if (x < curve[0] - NEAR || x > curve[6] + NEAR) return Infinity;
  let least = Infinity;
  for (let k = 0; k <= 24; k += 1) {
    const [px, py] = point(curve, k / 24);
    least = Math.min(least, Math.hypot(px - x, py - y));
  }
  return least;
}

function same(a, b) {
  return a === b || (a && b && a.layer === b.layer && a.from === b.from && a.to === b.to);
}
