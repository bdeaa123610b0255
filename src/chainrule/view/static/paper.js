/** What a style sheet for print cannot know: formulas too wide for a page are set smaller. */

const WIDTHS = [["cr-paper-tiny", 920], ["cr-paper-small", 640]]; // of a page, in pixels

/**
 * Prepare a view each time that it is printed.
 * @param {HTMLElement} root
 * @returns {{destroy: () => void}}
 */
export function onPaper(root) {
  function prepare() {
    const found = [...root.querySelectorAll(".cr-list .cr-first, .cr-list .cr-right")].map((part) =>
      [part, WIDTHS.find(([, width]) => part.offsetWidth > width)?.[0]]);
    for (const [part, name] of found) if (name) part.classList.add(name);
  }
  window.addEventListener("beforeprint", prepare);
  return { destroy: () => window.removeEventListener("beforeprint", prepare) };
}
