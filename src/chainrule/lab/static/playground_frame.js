/** Frames of a run, as the server sends them, and the moment that the explorer is asked about. */

const TYPES = { f4: Float32Array, i2: Int16Array, u1: Uint8Array };

/**
 * Read a frame: JSON, and typed arrays by name in `.parts`.
 *
 * @param {ArrayBuffer} buffer
 */
export function decode(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, size));
  const frame = JSON.parse(text);
  let at = 4 + size;
  const parts = {};
  for (const [name, type, count] of frame.parts) {
    const Type = TYPES[type];
    parts[name] = new Type(buffer, at, count);
    at += count * Type.BYTES_PER_ELEMENT;
  }
  frame.parts = parts;
  return frame;
}

/**
 * Where each parameter lies in `weights` and `gradients`: all of W, then all of b, layer by layer.
 *
 * @param {{name: string, inputs: number, units: number}[]} layers
 */
export function places(layers) {
  let at = 0;
  return layers.map(({ name, inputs, units }) => {
    const start = at;
    at += (inputs + 1) * units;
    return {
      name,
      inputs,
      units,
      /** @param {number} from -1 for the bias */
      index: (from, to) => start + (from < 0 ? inputs * units + to : from * units + to),
      title: (from, to) => (from < 0 ? `${name}_b[${to}]` : `${name}_W[${from}, ${to}]`),
    };
  });
}

/**
 * Everything that the gradients of now follow from, for the explorer.
 *
 * @param {object} run what the server told of the run
 * @param {object} frame
 * @param {{why?: string, sample?: number | null}} asked
 */
export function moment(run, frame, { why = "", sample = null }) {
  const { table: _, ...config } = run.config;
  const rows = sample === null ? frame.rows : [sample];
  const bytes = new Uint8Array(frame.parts.weights.slice().buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return {
    // The samples come along, so that where they are from does not matter.
    config: { ...config, data: "spiral" },
    step: frame.step,
    classes: run.points.classes.length,
    params: btoa(text),
    x: rows.map((row) => run.points.x[row]),
    labels: rows.map((row) => run.points.labels[row]),
    why,
    ...(sample === null ? {} : { sample }),
  };
}
