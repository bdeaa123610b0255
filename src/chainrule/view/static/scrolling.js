/** Parts that scroll: edges fade where more is hidden, and the keyboard reaches them. */

import { adopt, el } from "./dom.js";

/**
 * Watch all parts of a view that may scroll, those of class `cr-scrolls`.
 * @param {HTMLElement} root
 * @returns {{refresh: (within?: HTMLElement) => void, destroy: () => void}}
 */
export function scrolling(root) {
  const onScroll = (event) => {
    if (event.target.classList?.contains("cr-scrolls")) mark([event.target]);
  };
  const refresh = (within = root) => mark(within.querySelectorAll(".cr-scrolls"));
  const watcher = new ResizeObserver(() => refresh());
  watcher.observe(root);
  root.addEventListener("scroll", onScroll, { capture: true, passive: true });
  adopt(root, `.cr-view { --bar: ${barWidth(root)}px; }`);
  return {
    refresh,
    destroy() {
      watcher.disconnect();
      root.removeEventListener("scroll", onScroll, { capture: true });
    },
  };
}

/** Whether a part scrolls to the side, and the keyboard is what brought the reader there. */
export function scrollsSideways(element) {
  return element.matches?.(".cr-scrolls[tabindex]:focus-visible")
    && element.scrollWidth > element.clientWidth + SLACK;
}

/** Brackets reach a little beyond their formula: no reason to scroll. */
const SLACK = 6;

/** All is read before anything is written: else each part would be laid out anew. */
function mark(boxes) {
  const found = [...boxes].map((box) => {
    const wide = box.scrollWidth - box.clientWidth;
    const high = box.scrollHeight - box.clientHeight;
    if (getComputedStyle(box).overflowX === "visible") return [box, {}, false];
    return [box, {
      "cr-more-left": wide > SLACK && box.scrollLeft > 1,
      "cr-more-right": wide > SLACK && box.scrollLeft < wide - 1,
      "cr-more-above": high > SLACK && box.scrollTop > 1,
      "cr-more-below": high > SLACK && box.scrollTop < high - 1,
      "cr-bar-below": wide > SLACK && box.offsetHeight - box.clientHeight > 4,
      "cr-bar-beside": high > SLACK && box.offsetWidth - box.clientWidth > 4,
    }, wide > SLACK || high > SLACK];
  });
  for (const [box, classes, scrolls] of found) {
    for (const [name, on] of Object.entries(classes)) box.classList.toggle(name, on);
    if (scrolls) {
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `${box.dataset.label}, scrolls with the arrow keys`);
    } else if (box.hasAttribute("tabindex")) {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
}

/** How wide a scroll bar is here: 0 where it lies over what it scrolls. */
function barWidth(root) {
  const probe = el("div", { class: "cr-probe", "aria-hidden": "true" });
  root.append(probe);
  const width = probe.offsetWidth - probe.clientWidth;
  probe.remove();
  return width;
}
