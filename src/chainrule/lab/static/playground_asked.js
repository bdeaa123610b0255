/** What is asked about: a weight, reached by click or by choosing, or a sample. */

import { make, number, percent } from "./playground_dom.js";

/**
 * @param {{weight: (weight: object) => void, sample: (sample: number | null) => void,
 *   explain: (asked: {why: string, sample: number | null}) => void}} chosen
 */
export function createAsked(chosen) {
  const [layer, from, to] = ["Layer", "From", "To"].map((label) => {
    const select = make("select", { "aria-label": label, on: { change: weightChosen } });
    return { select, row: make("label", { class: "pg-inline" }, make("span", { text: label }), select) };
  });
  const told = make("p", { class: "pg-told", "data-told": "weight" });
  const why = make("button", { type: "button", class: "pg-why", text: "Why this gradient now", disabled: true, on: { click: explainWeight } });
  const sample = make("input", { type: "number", min: "0", id: "pg-sample", disabled: true, on: { input: sampleTyped } });
  const toldSample = make("p", { class: "pg-told", "data-told": "sample" });
  const whySample = make("button", { type: "button", class: "pg-why", text: "Why this sample’s gradient", disabled: true, on: { click: explainSample } });
  const root = make("section", { class: "pg-asked", "aria-label": "Why this gradient now" },
    make("div", { class: "pg-question", role: "group", "aria-label": "A weight" },
      make("div", { class: "pg-pick" }, layer.row, from.row, to.row, why), told),
    make("div", { class: "pg-question", role: "group", "aria-label": "A sample" },
      make("div", { class: "pg-pick" },
        make("label", { class: "pg-inline", for: "pg-sample" }, make("span", { text: "Sample" })), sample, whySample), toldSample));

  let run = null;
  let places = [];
  let frame = null;
  let weight = { layer: 0, from: 0, to: 0 };
  let picked = null;

  function fill(select, names, value) {
    select.replaceChildren(...names.map(([key, text]) => make("option", { value: String(key), text })));
    select.value = String(value);
  }

  function lists() {
    const { inputs, units } = run.layers[weight.layer];
    const inner = (count) => Array.from({ length: count }, (_, unit) => [unit, `unit ${unit}`]);
    const before = weight.layer === 0 ? run.points.axes.map((name, at) => [at, name]) : inner(inputs);
    const isLast = weight.layer === run.layers.length - 1;
    const after = isLast ? run.points.classes.map((name, at) => [at, `class ${name}`]) : inner(units);
    fill(layer.select, run.layers.map(({ name }, at) => [at, name]), weight.layer);
    fill(from.select, [...before, [-1, "bias"]], weight.from);
    fill(to.select, after, weight.to);
  }

  function weightChosen() {
    const at = Number(layer.select.value);
    const { inputs, units } = run.layers[at];
    weight = {
      layer: at,
      from: Math.min(Number(from.select.value), inputs - 1),
      to: Math.min(Number(to.select.value), units - 1),
    };
    lists();
    tell();
    chosen.weight(weight);
  }

  function sampleTyped() {
    const value = Number(sample.value);
    const fits = sample.value !== "" && Number.isInteger(value) && value >= 0 && value < run.points.x.length;
    picked = fits ? value : null;
    tell();
    chosen.sample(picked);
  }

  const title = () => places[weight.layer].title(weight.from, weight.to);

  function explainWeight() { chosen.explain({ why: title(), sample: null }); }
  function explainSample() { chosen.explain({ why: title(), sample: picked }); }

  function tell() {
    if (!frame) return;
    const at = places[weight.layer].index(weight.from, weight.to);
    const [value, gradient] = [frame.parts.weights[at], frame.parts.gradients[at]];
    const rows = frame.rows.length;
    const next = `on the next ${rows === 1 ? "sample" : `${rows} samples`}`;
    const isFinite = Number.isFinite(gradient);
    told.textContent = `${title()} = ${number(value)}, ${isFinite ? `gradient ${number(gradient)}` : "no finite gradient"} ${next}`;
    why.disabled = !isFinite;
    whySample.disabled = picked === null;
    if (picked === null) {
      toldSample.textContent = "Click one in the plot, or give its number.";
      return;
    }
    const { x, labels, classes, centre, spread, trained } = run.points;
    const place = x[picked].map((v, axis) => number(centre[axis] + spread[axis] * v));
    toldSample.textContent = `(${place.join(", ")}), class ${classes[labels[picked]]}${share(frame, run, picked)}${picked < trained ? "" : "; held out"}`;
  }

  return {
    root,
    begin(described, placed) {
      run = described;
      places = placed;
      frame = null;
      const { inputs, units } = run.layers[Math.min(weight.layer, run.layers.length - 1)];
      weight = { layer: Math.min(weight.layer, run.layers.length - 1), from: Math.min(weight.from, inputs - 1), to: Math.min(weight.to, units - 1) };
      picked = null;
      sample.value = "";
      sample.disabled = false;
      sample.max = String(run.points.x.length - 1);
      lists();
    },
    show(next) { frame = next; tell(); },
    pickWeight(next) { weight = { ...next }; lists(); tell(); why.focus({ preventScroll: true }); },
    pickSample(next) { picked = next; sample.value = String(next); tell(); whySample.focus({ preventScroll: true }); },
  };
}

/** What the surface says at a sample: the probability of its own class, to a cell. */
function share(frame, run, sample) {
  const { side } = frame;
  const { reach, x, labels } = run.points;
  const [column, row] = [x[sample][0], -x[sample][1]]
    .map((v) => Math.max(0, Math.min(side - 1, Math.floor(((v / reach + 1) / 2) * side))));
  const planes = frame.parts.surface.length / side ** 2;
  const cell = row * side + column;
  const label = labels[sample];
  const value = planes === 1
    ? frame.parts.surface[cell] / 255
    : frame.parts.surface[label * side ** 2 + cell] / 255;
  return `, given ${percent(planes === 1 && label === 0 ? 1 - value : value)}`;
}
