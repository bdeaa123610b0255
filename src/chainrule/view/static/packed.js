/** A document as an exported page holds it; chainrule/view/packing.py says how it is packed. */

/**
 * Unpack a document.
 * @param {string} text Base64 of gzip of JSON.
 * @returns {Promise<object>}
 */
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const made = await new Response(stream).json();
  for (const one of [made, ...Object.values(made.variants)]) {
    for (const picture of Object.values(one.pictures)) unfold(picture, made);
  }
  return made;
}

/** Put numbers into the gaps of forms, when the picture is first asked for. */
function unfold(picture, { forms, notes }) {
  const packed = picture.svg;
  let svg = null;
  Object.defineProperty(picture, "svg", {
    get() {
      svg ??= packed.split("\n").map((line) => {
        const [form, ...numbers] = line.split(" ");
        return forms[form].map((piece, i) => piece + (numbers[i] ?? "")).join("");
      }).join("\n");
      return svg;
    },
  });
  picture.edges = Object.fromEntries(picture.edges.map((place) => notes[place]));
}
