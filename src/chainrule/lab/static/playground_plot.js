/** The plane: what the network says everywhere, where it changes its mind, and the samples. */

import { SHAPES, blend, mark, palette } from "./playground_colours.js";
import { fitted, number, pointing, shortened, tag } from "./playground_dom.js";

const MARGIN = { left: 30, right: 6, top: 6, bottom: 24 };
/** Pixels from a sample at which a click still means it. */
const NEAR = 12;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {(sample: number) => void} chosen
 */
export function createPlot(canvas, chosen) {
  const picture = document.createElement("canvas");
  let run = null;
  let frame = null;
  let selected = null;
  let hovered = null;

  function box() {
    const side = Math.min(
      canvas.clientWidth - MARGIN.left - MARGIN.right,
      canvas.clientHeight - MARGIN.top - MARGIN.bottom,
    );
    return { x: MARGIN.left, y: MARGIN.top, side };
  }

  function place([x, y], { x: left, y: top, side }) {
    const reach = run.points.reach;
    return [left + ((x / reach + 1) / 2) * side, top + ((1 - y / reach) / 2) * side];
  }

  function near(event) {
    if (!run) return null;
    const at = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - at.left, event.clientY - at.top];
    const b = box();
    let best = null;
    let least = NEAR ** 2;
    run.points.x.forEach((point, index) => {
      const [px, py] = place(point, b);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [index, distance];
    });
    return best;
  }

  const changed = (sample) => { hovered = sample; draw(); };
  pointing(canvas, "sample", near, { changed, chosen });

  function draw() {
    const { context, height } = fitted(canvas);
    if (!run || height < 60) return;
    const colours = palette(canvas);
    const b = box();
    if (frame) {
      paint(picture, frame, colours.rgb);
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, b.x, b.y, b.side, b.side);
      border(context, frame, b, colours);
    }
    axes(context, run.points, b, colours);
    samples(context, b, colours);
    names(context, run.points, b, colours);
    if (hovered !== null) tag(context, place(run.points.x[hovered], b), said(hovered), colours);
  }

  function said(index) {
    const { x, labels, classes, centre, spread } = run.points;
    const at = x[index].map((v, axis) => number(centre[axis] + spread[axis] * v));
    return `sample ${index}: (${at.join(", ")}), class ${classes[labels[index]]}`;
  }

  function samples(context, b, colours) {
    const { x, labels, trained } = run.points;
    const r = x.length > 800 ? 2.2 : 3.2;
    context.lineWidth = 1;
    const now = new Set(frame?.state === "running" ? [] : frame?.rows ?? []);
    for (let index = 0; index < x.length; index += 1) {
      const [px, py] = place(x[index], b);
      mark(context, SHAPES[labels[index]], px, py, now.has(index) ? r + 0.8 : r);
      context.fillStyle = colours.classes[labels[index]];
      context.strokeStyle = now.has(index) ? colours.ink : colours.paper;
      if (index < trained) {
        context.fill();
        context.stroke();
      } else { // a sample to validate with is hollow
        context.fillStyle = colours.paper;
        context.fill();
        context.strokeStyle = colours.classes[labels[index]];
        context.lineWidth = 1.4;
        context.stroke();
        context.lineWidth = 1;
      }
    }
    for (const index of [hovered, selected]) {
      if (index === null || index >= x.length) continue;
      const [px, py] = place(x[index], b);
      context.beginPath();
      context.arc(px, py, r + 5, 0, 2 * Math.PI);
      context.strokeStyle = colours.ink;
      context.lineWidth = index === selected ? 2 : 1;
      context.stroke();
    }
  }

  return {
    begin(described) { run = described; frame = null; selected = null; draw(); },
    show(next) { frame = next; draw(); },
    select(sample) { selected = sample; draw(); },
    /** Where a sample is drawn, in CSS pixels from the canvas's corner. */
    where: (sample) => place(run.points.x[sample], box()),
    draw,
  };
}

/** Colour the plane: the more certain the network is, the more of a class's colour. */
function paint(picture, frame, rgb) {
  const { side } = frame;
  const cells = side * side;
  const planes = frame.parts.surface.length / cells;
  picture.width = picture.height = side;
  const context = picture.getContext("2d");
  const image = context.createImageData(side, side);
  const strength = 0.62;
  for (let cell = 0; cell < cells; cell += 1) {
    if (planes === 1) {
      const tilt = frame.parts.surface[cell] / 127.5 - 1;
      const to = rgb.classes[tilt < 0 ? 0 : 1];
      blend(image.data, 4 * cell, rgb.paper, to, strength * Math.abs(tilt));
    } else {
      let best = 0;
      for (let k = 1; k < planes; k += 1) {
        if (frame.parts.surface[k * cells + cell] > frame.parts.surface[best * cells + cell]) best = k;
      }
      const share = frame.parts.surface[best * cells + cell] / 255;
      const certain = (share - 1 / planes) / (1 - 1 / planes);
      blend(image.data, 4 * cell, rgb.paper, rgb.classes[best], strength * certain);
    }
  }
  context.putImageData(image, 0, 0);
}

/** Draw the line at which the network changes its mind. */
function border(context, frame, b, colours) {
  const { side } = frame;
  const cells = side * side;
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.3;
  context.beginPath();
  for (let start = 0; start < frame.parts.lead.length; start += cells) {
    contour(context, (cell) => frame.parts.lead[start + cell], side, b);
  }
  context.stroke();
}

/** Add the lines along which a function of the cells is 0 to the path: marching squares. */
function contour(context, value, side, b) {
  const cell = b.side / side;
  const at = (column, row) => [b.x + (column + 0.5) * cell, b.y + (row + 0.5) * cell];
  for (let row = 0; row + 1 < side; row += 1) {
    for (let column = 0; column + 1 < side; column += 1) {
      const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
      const values = corners.map(([x, y]) => value(y * side + x));
      const crossings = [];
      for (let k = 0; k < 4; k += 1) {
        const [here, next] = [values[k], values[(k + 1) % 4]];
        if (here < 0 === next < 0) continue;
        const share = here / (here - next);
        const [x0, y0] = at(...corners[k]);
        const [x1, y1] = at(...corners[(k + 1) % 4]);
        crossings.push([x0 + share * (x1 - x0), y0 + share * (y1 - y0)]);
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        context.moveTo(...crossings[k]);
        context.lineTo(...crossings[k + 1]);
      }
    }
  }
}

/** Draw the frame, with numbers of the data rather than of the network's input. */
function axes(context, points, b, colours) {
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.strokeRect(b.x + 0.5, b.y + 0.5, b.side - 1, b.side - 1);
  context.font = `11px ${colours.font}`;
  context.fillStyle = colours.quiet;
  for (const axis of [0, 1]) {
    for (const tick of ticks(points, axis)) {
      const share = ((tick - points.centre[axis]) / points.spread[axis] / points.reach + 1) / 2;
      const text = String(Number(tick.toPrecision(6))).replace("-", "−");
      if (axis === 0) {
        context.textAlign = "center";
        context.fillText(text, b.x + share * b.side, b.y + b.side + 14);
      } else {
        context.textAlign = "right";
        context.fillText(text, b.x - 5, b.y + (1 - share) * b.side + 4);
      }
    }
  }
}

/** Write what the axes are called, over the samples and readable on them. */
function names(context, { axes: [across, up] }, b, colours) {
  context.font = `11px ${colours.font}`;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = colours.paper;
  context.fillStyle = colours.ink;
  const write = (text, side, x, y) => {
    context.textAlign = side;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  };
  write(`${shortened(context, across, b.side / 2)} →`, "right", b.x + b.side - 6, b.y + b.side - 7);
  write(`↑ ${shortened(context, up, b.side / 2)}`, "left", b.x + 6, b.y + 14);
}

/** Round numbers along an axis, about five. */
function ticks(points, axis) {
  const half = points.reach * points.spread[axis];
  const rough = (2 * half) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const found = [];
  const [low, high] = [points.centre[axis] - half, points.centre[axis] + half];
  for (let tick = Math.ceil(low / step + 0.15) * step; tick < high - 0.15 * step; tick += step) {
    found.push(Math.abs(tick) < 1e-9 * step ? 0 : tick);
  }
  return found;
}
