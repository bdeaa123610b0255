/** Paths in a picture: the boxes and edges that they lead through, lit. */

/**
 * Light paths in a picture, and nothing else.
 * @param {SVGElement} svg
 * @param {Object<string, object>} edges What is known of each edge.
 * @param {{stops: {id: string, name: string}[]}[]} paths
 * @param {object[]} steps Those of the document.
 */
export function light(svg, edges, paths, steps) {
  for (const lit of svg.querySelectorAll(".cr-lit")) lit.classList.remove("cr-lit");
  svg.classList.toggle("cr-has-lit", paths.length > 0);
  for (const path of paths) {
    let before = weightEdge(svg, edges, path.stops[0].name);
    for (const stopped of path.stops) {
      const box = boxOf(svg, stopped.id, steps);
      if (!box) continue;
      box.classList.add("cr-lit");
      if (before && before !== box) {
        for (const piece of between(svg, before.dataset.id, box.dataset.id)) {
          piece.classList.add("cr-lit");
        }
      }
      before = box;
    }
  }
}

const quoted = (id) => `"${CSS.escape(id)}"`;
const part = (svg, id) => svg.querySelector(`.box[data-id=${quoted(id)}]`);

/** The box that a number is seen in: its own, that of its array, or of the closed group. */
function boxOf(svg, id, steps) {
  const node = id.replace(/\[.*/, "");
  const own = part(svg, id) ?? part(svg, node);
  if (own) return own;
  // A unit is shown for one sample: the same unit stands for the others.
  const last = /(\d+)\]$/.exec(id)?.[1];
  const units = [...svg.querySelectorAll(`.box[data-id^="${CSS.escape(node)}["]`)];
  const unit = units.find((box) => last !== undefined && box.dataset.id.endsWith(`${last}]`));
  if (unit) return unit;
  const step = steps.find((s) => s.node === node && s.kind === "forward");
  if (!step) return null;
  return [...svg.querySelectorAll(".box.group")].find((box) =>
    box.dataset.steps.split(" ").includes(String(step.number)));
}

/** The edges from one box to the next, or by way of one that is a part of the next. */
function between(svg, from, to) {
  const out = [...svg.querySelectorAll(`.edge[data-source=${quoted(from)}]`)];
  const direct = out.filter((edge) => edge.dataset.target === to);
  if (direct.length) return direct;
  for (const edge of out) {
    const way = edge.dataset.target;
    const on = svg.querySelector(`.edge[data-source=${quoted(way)}][data-target=${quoted(to)}]`);
    if (on) return [edge, part(svg, way), on].filter(Boolean);
  }
  return [];
}

/** Where weights stand on edges: the edge of one, lit, and the box that it leads into. */
function weightEdge(svg, edges, name) {
  const id = Object.keys(edges).find((one) => edges[one].symbols === name);
  const edge = id && svg.querySelector(`.edge[data-id=${quoted(id)}]`);
  if (!edge) return null;
  edge.classList.add("cr-lit");
  part(svg, edge.dataset.target)?.classList.add("cr-lit");
  part(svg, edge.dataset.source)?.classList.add("cr-lit");
  return part(svg, edge.dataset.target);
}
