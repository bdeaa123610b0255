/** Loss and accuracy as training goes on: solid on what is trained on, dashed on the rest. */

import { palette } from "./playground_colours.js";
import { fitted, number, percent } from "./playground_dom.js";

const [STEP, LOSS, ACCURACY, HELD_LOSS, HELD_ACCURACY] = [0, 1, 2, 3, 4];
const COLUMNS = 5;

/** @param {HTMLCanvasElement} canvas */
export function createCurves(canvas) {
  let frame = null;

  function draw() {
    const { context, width, height } = fitted(canvas);
    if (!frame || height < 60) return;
    const colours = palette(canvas);
    const curve = frame.parts.curve;
    const half = (width - 14) / 2;
    const most = greatest(curve);
    panel(context, { x: 0, width: half, height }, curve, colours, {
      title: "Loss", columns: [LOSS, HELD_LOSS], most, text: (v) => number(v, 2),
    });
    panel(context, { x: half + 14, width: half, height }, curve, colours, {
      title: "Accuracy", columns: [ACCURACY, HELD_ACCURACY], most: 1, text: (v) => percent(v).replace(".0", ""),
    });
  }

  return {
    begin() { frame = null; draw(); },
    show(next) { frame = next; draw(); },
    draw,
  };
}

/** The top of the axis of the loss: a loss that once was huge does not flatten all that follows. */
function greatest(curve) {
  let [most, first] = [1e-6, 0];
  for (let at = 0; at < curve.length; at += COLUMNS) {
    for (const column of [LOSS, HELD_LOSS]) {
      const value = curve[at + column];
      if (!Number.isFinite(value)) continue;
      if (at === 0) first = Math.max(first, value);
      most = Math.max(most, value);
    }
  }
  return Math.min(most, Math.max(3 * first, 1e-6));
}

function panel(context, { x, width, height }, curve, colours, { title, columns, most, text }) {
  const [left, top, right, bottom] = [x + 34, 22, x + width - 4, height - 18];
  context.font = `600 12px ${colours.font}`;
  context.textAlign = "left";
  context.fillStyle = colours.ink;
  context.fillText(title, x, 12);
  context.font = `11px ${colours.font}`;
  context.fillStyle = colours.quiet;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    const y = Math.round(bottom - share * (bottom - top)) + 0.5;
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(right, y);
    context.stroke();
    context.fillText(text(share * most), left - 4, y + 4);
  }
  const now = curve[curve.length - COLUMNS + STEP];
  const last = now || 1;
  context.fillText(`step ${Math.round(now).toLocaleString("en")}`, right, height - 4);
  context.save();
  context.beginPath();
  context.rect(left, top - 2, right - left, bottom - top + 4);
  context.clip();
  columns.forEach((column, kind) => {
    context.beginPath();
    let isOn = false;
    for (let at = 0; at < curve.length; at += COLUMNS) {
      const value = curve[at + column];
      if (!Number.isFinite(value)) { isOn = false; continue; }
      const px = left + (curve[at + STEP] / last) * (right - left);
      const py = bottom - Math.min(1.2, value / most) * (bottom - top);
      if (isOn) context.lineTo(px, py);
      else context.moveTo(px, py);
      isOn = true;
    }
    context.setLineDash(kind ? [4, 3] : []);
    context.strokeStyle = kind ? colours.accent : colours.ink;
    context.lineWidth = 1.8;
    context.stroke();
    context.setLineDash([]);
  });
  context.restore();
}
