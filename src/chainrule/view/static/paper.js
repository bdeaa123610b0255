/** What a style sheet for print cannot know: what is too wide for a page is set smaller. */

const PARTS = ".cr-list .cr-first, .cr-list .cr-right, .cr-grid";
const WIDTHS = [["cr-paper-tiny", 920], ["cr-paper-small", 640]]; // of a page, in pixels

/**
 * Prepare a view each time that it is printed.
 * @param {HTMLElement} root
 * @returns {{destroy: () => void}}
 */
export function onPaper(root) {
  function prepare() {
    const found = [...root.querySelectorAll(PARTS)].map((part) =>
      [part, WIDTHS.find(([, width]) => part.offsetWidth > width)?.[0]]);
    for (const [part, name] of found) if (name) part.classList.add(name);
  }
  window.addEventListener("beforeprint", prepare);
  return { destroy: () => window.removeEventListener("beforeprint", prepare) };
}
