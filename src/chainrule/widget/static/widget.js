/**
 * The view of a solution in a notebook. It becomes the body of a function that has `mount`, the
 * view, `STYLE`, its style sheet, `DARK` and `LIGHT`, selectors of a notebook's body, and `PAINT`,
 * the pictures' colours in both; it returns `render`: a notebook loads one module alone.
 */

/** Python is given so long, in milliseconds, before the page says that it does not answer. */
const PATIENCE = 60_000;
/** A cell of a notebook is no page: what is higher scrolls. */
const FRAME = ".frame { max-height: 56rem; overflow: auto; border-radius: 8px; }";
/** VS Code puts white behind each widget, with `!important`: a dark view would have a rim. */
const NO_RIM =
  ".cell-output-ipywidget-background:has(.chainrule-widget) { background: none !important; }";
const SILENT = "Python does not answer. Run the cell again.";

/** Whether the notebook is dark, whatever the system is; null where it does not say. */
function notebookIsDark() {
  if (document.body.matches(DARK)) return true;
  return document.body.matches(LIGHT) ? false : null;
}

/** Call a function each time that the notebook turns light or dark; returns what ends that. */
function onTurn(turned) {
  let before = notebookIsDark();
  const observer = new MutationObserver(() => {
    if (notebookIsDark() === before) return;
    before = notebookIsDark();
    turned();
  });
  observer.observe(document.body, { attributes: true });
  return () => observer.disconnect();
}

/** Whether a key is the notebook's although the view has the focus: a shortcut as for saving. */
function isShortcut(event, focused) {
  if (!event.ctrlKey && !event.metaKey) return false;
  const typing = focused?.matches("input:not([type=range]), textarea");
  return !typing || event.key.toLowerCase() === "s";
}

/** The style sheet, following the notebook instead of the system, and holding inside a shadow. */
function styled() {
  const dark = notebookIsDark();
  const scoped = `${STYLE.replace(/:root\b/g, ":host")}\n${FRAME}`;
  if (dark === null) return scoped;
  const followed = scoped
    .replace(/\(prefers-color-scheme:\s*dark\)/g, dark ? "(min-width: 0)" : "(max-width: 0)")
    .replace(/\(prefers-color-scheme:\s*light\)/g, dark ? "(max-width: 0)" : "(min-width: 0)");
  return `${followed}\n:host { ${dark ? PAINT.dark : PAINT.light} }`;
}

/** Questions to Python, each answered by the message that has its number. */
class Questions {
  #model;
  #waiting = new Map();
  #prefix = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
  #count = 0;
  /** Serial number of the document that this view has. */
  serial;

  constructor(model) {
    this.#model = model;
    this.serial = model.get("serial");
    this.receive = (message) => {
      const settle = this.#waiting.get(message?.id);
      if (!settle) return; // another view's
      this.#waiting.delete(message.id);
      if (message.document) {
        this.serial = message.serial;
        // marimo runs other cells again for what a page sets, and for nothing else.
        model.set("edits", message.serial);
        model.save_changes();
      }
      settle(message);
    };
    model.on("msg:custom", this.receive);
  }

  ask(ask, given) {
    this.#count += 1;
    const id = `${this.#prefix}-${this.#count}`;
    return new Promise((resolve) => {
      const settle = (message) => {
        clearTimeout(timer);
        resolve(message);
      };
      const silent = { errors: [{ field: "", message: SILENT }] };
      const timer = setTimeout(() => this.receive({ id, ...silent }), PATIENCE);
      this.#waiting.set(id, settle);
      this.#model.send({ id, ask, given });
    });
  }

  end() {
    this.#model.off("msg:custom", this.receive);
    this.#waiting.clear();
  }
}

function required(answer, part) {
  if (answer.errors) throw Object.assign(new Error(answer.errors[0].message), answer);
  return answer[part];
}

/** Hand a file to the reader. */
function download({ name, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function hostOf(questions) {
  return {
    async recompute(given) {
      const answer = await questions.ask("recompute", given);
      if (answer.errors) return { errors: answer.errors };
      return { document: answer.document };
    },
    async picture(given) {
      return required(await questions.ask("picture", given), "picture");
    },
    async why(name) {
      return required(await questions.ask("why", { name }), "why");
    },
    // A notebook has headings of its own above.
    level: 3,
    async export_(suffix) {
      download(required(await questions.ask("export", { suffix }), "file"));
    },
  };
}

function render({ model, el }) {
  const frame = document.createElement("div");
  frame.className = "chainrule-widget";
  el.append(frame);
  const shadow = frame.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  const dress = () => {
    style.textContent = styled();
  };
  dress();
  const outside = document.createElement("style");
  outside.textContent = NO_RIM;
  frame.append(outside);
  const root = document.createElement("div");
  root.className = "frame";
  shadow.append(style, root);
  // The arrow keys step through the view; the notebook must not move to another cell as well.
  const keep = (event) => {
    if (!isShortcut(event, shadow.activeElement)) event.stopPropagation();
  };
  frame.addEventListener("keydown", keep);

  const questions = new Questions(model);
  const view = mount(root, model.get("document"), hostOf(questions));
  const follow = () => {
    if (model.get("serial") === questions.serial) return;
    questions.serial = model.get("serial");
    view.update(model.get("document"));
  };
  model.on("change:document", follow);
  const endTurns = onTurn(dress);
  return () => {
    endTurns();
    model.off("change:document", follow);
    questions.end();
    view.destroy();
    frame.remove();
  };
}
