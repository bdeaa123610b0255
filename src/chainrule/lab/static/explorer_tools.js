/** An update step, undo, files, and a link to share. */

import { el } from "/static/view/dom.js";

const FILES = [
  [".html", "Page to step through"], [".svg", "Picture (SVG)"], [".png", "Picture (PNG)"],
  [".pdf", "Picture (PDF)"], [".md", "Markdown"], [".tex", "LaTeX"], [".txt", "Text"],
  [".py", "Python code"], [".json", "JSON"],
];

/** @param {object} explorer */
export function toolsPanel(explorer) {
  return new Tools(explorer);
}

class Tools {
  constructor(explorer) {
    this.explorer = explorer;
    this.rate = el("input", {
      id: "rate", type: "text", inputmode: "decimal", autocomplete: "off", "aria-describedby": "rate-error",
      on: { change: () => explorer.api.state.set("rate", this.rate.value) },
    });
    this.rate.value = explorer.api.state.get("rate") ?? "0.1";
    this.rateError = el("p", { class: "error", id: "rate-error", role: "alert", hidden: true });
    this.steps = 0; // that are still to be taken
    this.stepped = el("p", { class: "help", id: "stepped", role: "status" });
    this.step = el("button", { type: "button", class: "primary", text: "Take a step", on: { click: () => this.takeStep() } });
    this.undo = el("button", { type: "button", class: "quiet", text: "Undo", on: { click: () => explorer.undo() } });
    this.redo = el("button", { type: "button", class: "quiet", text: "Redo", on: { click: () => explorer.redo() } });
    this.files = el("select", { id: "file", "aria-describedby": "file-error", on: { change: () => this.complain("") } }, ...FILES.map(([suffix, title]) => el("option", { value: suffix, text: title })));
    this.told = el("p", { class: "help", id: "told", role: "status" });
    this.fileError = el("p", { class: "error", id: "file-error", role: "alert", hidden: true });
    this.stepBox = el("section", { class: "card", "aria-labelledby": "step-title" },
      el("h2", { id: "step-title", text: "Gradient step" }),
      el("div", { class: "row" },
        el("div", { class: "field narrow" }, el("label", { for: "rate", text: "Learning rate" }), this.rate),
        this.step),
      this.rateError, this.stepped);
    this.element = el("div", { class: "tools" }, this.stepBox,
      el("section", { class: "card", "aria-labelledby": "keep-title" },
        el("h2", { id: "keep-title", text: "Keep and share" }),
        el("div", { class: "row" },
          el("div", { class: "field grow" }, el("label", { for: "file", text: "File" }), this.files),
          el("button", { type: "button", class: "quiet", id: "save", text: "Save", on: { click: () => this.save() } })),
        this.fileError,
        el("div", { class: "row" }, this.undo, this.redo,
          el("button", { type: "button", class: "quiet", id: "share", text: "Copy link", on: { click: () => this.share() } })),
        this.told));
  }

  render() {
    const { past, future, state } = this.explorer;
    this.undo.disabled = !past.length;
    this.redo.disabled = !future.length;
    this.stepBox.hidden = Boolean(state.playground);
  }

  shown(document) {
    const single = !/[[\]]/.test(document.value.text) && !document.value.text.includes("shape");
    this.step.disabled = !single;
    if (!single) this.stepped.textContent = "A step lowers one number, and this output is an array.";
    else if (this.stepped.textContent.startsWith("A step lowers")) this.stepped.textContent = "";
  }

  /** Take a step for each click, one after the other: each goes on from where the last one led. */
  async takeStep() {
    this.steps += 1;
    if (this.steps > 1) return;
    while (this.steps) this.steps = (await this.oneStep(this.rate.value)) ? this.steps - 1 : 0;
  }

  /** Returns whether it was taken. */
  async oneStep(lr) {
    const { explorer } = this;
    this.rateError.hidden = true;
    try {
      const state = await explorer.request();
      const done = await explorer.api.post("/api/step", { state, lr });
      if (JSON.stringify(state) !== JSON.stringify(explorer.requested())) {
        this.stepped.textContent = "No step was taken: the function or its values were changed meanwhile.";
        return false;
      }
      explorer.change({ values: { ...explorer.state.values, ...done.values } });
      this.stepped.textContent = `${done.before} → ${done.after}. The gradient promised a change of ${done.predicted}; it was ${done.actual}.`
        + (done.held.length ? ` Held fixed, as data: ${done.held.join(", ")}.` : "");
      return true;
    } catch (error) {
      this.rateError.textContent = error.message;
      this.rateError.hidden = false;
      return false;
    }
  }

  async save() {
    const { explorer } = this;
    this.complain("");
    this.told.textContent = "Making the file…";
    try {
      const file = await explorer.api.post("/api/export", { state: await explorer.request(), suffix: this.files.value });
      const bytes = Uint8Array.from(atob(file.content), (c) => c.charCodeAt(0));
      const link = el("a", { href: URL.createObjectURL(new Blob([bytes], { type: file.type })), download: file.name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      this.told.textContent = `Saved ${file.name}.`;
    } catch (error) {
      this.told.textContent = "";
      this.complain(error.message);
    }
  }

  /** Say beside the kind of file why it could not be made. */
  complain(message) {
    this.fileError.textContent = message;
    this.fileError.hidden = !message;
    if (message) this.files.setAttribute("aria-invalid", "true");
    else this.files.removeAttribute("aria-invalid");
  }

  async share() {
    const url = `${location.origin}/#explorer?s=${encode(this.explorer.state)}`;
    history.replaceState(null, "", url);
    try {
      await navigator.clipboard.writeText(url);
      this.told.textContent = "The link is on the clipboard. It holds all that you typed, and opens in a lab on this port.";
    } catch {
      this.told.textContent = "The link is in the address bar. It holds all that you typed.";
    }
  }
}

function encode(state) {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Read the state in a shared link; null where there is none. */
export function readShared(hash) {
  const text = new URLSearchParams(hash.split("?")[1] ?? "").get("s");
  if (!text) return null;
  try {
    const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(raw, (c) => c.charCodeAt(0))));
  } catch {
    return null;
  }
}
