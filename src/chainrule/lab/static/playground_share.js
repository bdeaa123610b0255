/** A run as a link or a file: its configuration, of which the same numbers follow again. */

/** Characters of a link that browsers and mail programs still pass on whole. */
const LONGEST = 8000;
const ROOM = "#playground";
const VERSION = 1;

/** @returns {string | null} null where the configuration is too long for a link */
export function linkOf(config) {
  const text = encodeURIComponent(JSON.stringify(config));
  if (text.length > LONGEST) return null;
  return `${location.origin}${location.pathname}${ROOM}?run=${text}`;
}

/**
 * The configuration that a link holds; null where it holds none. The server checks what it says.
 *
 * @param {string} hash
 */
export function fromHash(hash) {
  const [room, query] = [hash.split("?")[0], hash.slice(hash.indexOf("?") + 1)];
  if (room !== ROOM || !hash.includes("?")) return null;
  const text = new URLSearchParams(query).get("run");
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return { "link": text.slice(0, 40) }; // which the server refuses, with a message
  }
}

/** Download a configuration, with how many steps were taken. */
export function download(config, steps) {
  const text = JSON.stringify({ chainrule: "playground", version: VERSION, config, steps }, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: "application/json" }));
  link.download = `playground-${config.data}-${config.seed}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/**
 * Read a file that `download` made.
 *
 * @param {File} file
 * @param {number} most bytes
 * @returns {Promise<{config?: object, error?: string}>}
 */
export async function opened(file, most) {
  if (file.size > most) return { error: `The file has ${file.size} bytes; at most ${most} are read.` };
  try {
    const found = JSON.parse(await file.text());
    if (found?.chainrule !== "playground" || found.version !== VERSION || typeof found.config !== "object") {
      return { error: "This is no run of the playground, or one of another version." };
    }
    return { config: found.config };
  } catch {
    return { error: "This is no JSON file." };
  }
}
