/** Making elements: text is always set as text, pictures and formulas are parsed and cleaned. */

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";

/**
 * Make an element.
 * @param {string} tag
 * @param {Object<string, any>} options Attributes; `text` sets its text, `on` adds listeners;
 *   null and false leave an attribute out, true sets it empty.
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") node.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== false && value !== undefined) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * Give a parent these children, in this order. Whichever has the focus is not taken out, so that
 * somebody who is typing in it goes on typing.
 * @param {Element} parent
 * @param {Element[]} children
 */
export function arrange(parent, children) {
  const active = parent.getRootNode().activeElement;
  const at = children.findIndex((child) => child.parentNode === parent && child.contains(active));
  if (at < 0) {
    parent.replaceChildren(...children);
    return;
  }
  for (const child of [...parent.children]) if (!children.includes(child)) child.remove();
  children[at].before(...children.slice(0, at));
  parent.append(...children.slice(at + 1));
}

const parsed = new Map();

/**
 * Parse MathML and return an element of this document.
 * @param {string} source
 * @returns {Element}
 */
export function math(source) {
  if (!parsed.has(source)) {
    if (parsed.size > 4000) parsed.clear();
    const named = source.replace(/^<math/, `<math xmlns="${MATHML}"`);
    parsed.set(source, cleaned(named, "application/xml", MATHML));
  }
  return document.importNode(parsed.get(source), true);
}

/**
 * Parse a picture and return an element of this document.
 * @param {string} source
 * @returns {SVGElement}
 */
export function picture(source) {
  return document.importNode(cleaned(source, "image/svg+xml", SVG), true);
}

/** Keep what draws: no script, nothing of another namespace, no handlers, no links. */
function cleaned(source, type, namespace) {
  const made = new DOMParser().parseFromString(source, type).documentElement;
  for (const node of [made, ...made.querySelectorAll("*")]) {
    const name = node.localName.toLowerCase();
    if (node.namespaceURI !== namespace || name === "script" || name === "foreignobject") {
      node.remove();
      continue;
    }
    for (const attribute of [...node.attributes]) {
      const called = attribute.name.toLowerCase();
      if (called.startsWith("on") || called.endsWith("href") || called === "style") {
        node.removeAttribute(attribute.name);
      }
    }
  }
  return made;
}

/**
 * Apply a style sheet to whatever root an element is in, once.
 * @param {Element} element
 * @param {string} text
 */
export function adopt(element, text) {
  const root = element.getRootNode();
  if (!text || !root.adoptedStyleSheets) return;
  const known = (root.chainruleSheets ??= new Set());
  if (known.has(text)) return;
  known.add(text);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

/**
 * A formula as it is set: its left side, and each right side after an equals sign. Long ones
 * break before an equals sign.
 * @param {{left: string, rights: string[]}} line
 * @returns {HTMLElement}
 */
export function equation(line) {
  const rights = line.rights.map((right) =>
    el("span", { class: "cr-right" }, el("span", { class: "cr-equals", text: "=" }), math(right)),
  );
  const [first, ...others] = rights;
  return el(
    "span",
    { class: "cr-equation" },
    el("span", { class: "cr-first" }, math(line.left), first ?? null),
    ...others,
  );
}

/**
 * Copy text, and say so on the button.
 * @param {HTMLButtonElement} button
 * @param {string} text
 * @param {(message: string) => void} say Tells those who listen to the page.
 */
export async function copy(button, text, say) {
  const label = (button.dataset.label ??= button.textContent);
  const done = (await byClipboard(text)) || byCommand(button, text);
  const message = done ? "Copied" : "Press Ctrl+C";
  if (!done) offer(button, text);
  button.textContent = message;
  button.classList.toggle("cr-done", done);
  say(done ? "Copied as LaTeX." : "The text to copy is selected.");
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => {
    button.textContent = label;
    button.classList.remove("cr-done");
  }, 1800);
}

async function byClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no clipboard here, or it is not allowed
  }
}

function byCommand(button, text) {
  const area = el("textarea", { class: "cr-hidden", "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  button.after(area);
  area.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  area.remove();
  button.focus({ preventScroll: true });
  return done;
}

/** Show the text selected, where a page may not copy. */
function offer(button, text) {
  const area = el("textarea", { class: "cr-offer", "aria-label": "LaTeX to copy", readonly: true });
  area.value = text;
  area.addEventListener("blur", () => area.remove());
  button.after(area);
  area.focus();
  area.select();
}
