/**
 * The view of a solution in a notebook. It becomes the body of a function that has `mount`, the
 * view, and `STYLE`, its style sheet, and returns `render`: a notebook loads one module alone.
 */

/** Python is given so long, in milliseconds, before the page says that it does not answer. */
const PATIENCE = 60_000;
/** A cell of a notebook is no page: what is higher scrolls. */
const FRAME = ".frame { max-height: 56rem; overflow: auto; border-radius: 8px; }";
const SILENT = "Python does not answer. Run the cell again.";

/** Whether the notebook is dark, whatever the system is; null where it does not say. */
function notebookIsDark() {
  const body = document.body;
  if (body.dataset.jpThemeLight !== undefined) return body.dataset.jpThemeLight === "false";
  if (body.dataset.vscodeThemeKind !== undefined) {
    return /dark|high-contrast$/.test(body.dataset.vscodeThemeKind);
  }
  if (body.classList.contains("dark") || body.classList.contains("dark-theme")) return true;
  if (body.classList.contains("light") || body.classList.contains("light-theme")) return false;
  return null;
}

/** Let a style sheet follow the notebook instead of the system, and hold inside a shadow. */
function adapted(css) {
  const dark = notebookIsDark();
  const scoped = css.replace(/:root\b/g, ":host");
  if (dark === null) return scoped;
  return scoped
    .replace(/\(prefers-color-scheme:\s*dark\)/g, dark ? "(min-width: 0)" : "(max-width: 0)")
    .replace(/\(prefers-color-scheme:\s*light\)/g, dark ? "(max-width: 0)" : "(min-width: 0)");
}

/** A document whose pictures follow the notebook's colours. */
function adaptedDocument(data) {
  return data.style ? { ...data, style: adapted(data.style) } : data;
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
      return { document: adaptedDocument(answer.document) };
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
  style.textContent = `${adapted(STYLE)}\n${FRAME}`;
  const root = document.createElement("div");
  root.className = "frame";
  shadow.append(style, root);
  // The arrow keys step through the view; the notebook must not move to another cell as well.
  const keep = (event) => event.stopPropagation();
  frame.addEventListener("keydown", keep);

  const questions = new Questions(model);
  const view = mount(root, adaptedDocument(model.get("document")), hostOf(questions));
  const follow = () => {
    if (model.get("serial") === questions.serial) return;
    questions.serial = model.get("serial");
    view.update(adaptedDocument(model.get("document")));
  };
  model.on("change:document", follow);
  return () => {
    model.off("change:document", follow);
    questions.end();
    view.destroy();
    frame.remove();
  };
}
