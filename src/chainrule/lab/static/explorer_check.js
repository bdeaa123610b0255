/** A backward pass typed by hand, checked line by line while it is typed. */

import { el } from "/static/view/dom.js";
import { latest } from "./api.js";
import { told } from "./explorer_form.js";

const MARKS = {
  right: ["✓", "right"], wrong: ["✗", "wrong"], carried: ["↳", "carries an earlier error"],
  raises: ["✗", "cannot be worked out"], kink: ["~", "no derivative here"], helper: ["·", "a helper"], fault: ["!", "cannot be read"],
};
const WIDE = matchMedia("(min-width: 901px)");
const EXAMPLE = "dz = dy * (z > 0)\ndw = dz * x";

/** @param {object} explorer */
export function checkPanel(explorer) {
  return new Check(explorer);
}

class Check {
  constructor(explorer) {
    this.explorer = explorer;
    this.gutter = el("ol", { class: "gutter", "aria-hidden": "true" });
    this.input = el("textarea", {
      id: "backward", rows: 4, wrap: "off", spellcheck: "false", autocapitalize: "off",
      autocomplete: "off", placeholder: EXAMPLE, "aria-describedby": "backward-help verdict", on: {
        input: () => explorer.change({ backward: this.input.value }, { typing: "backward" }),
        scroll: () => { this.gutter.scrollTop = this.input.scrollTop; },
      },
    });
    this.verdict = el("div", { class: "verdict", id: "verdict", role: "status" });
    this.summary = el("summary", {}, el("h2", { id: "check-title", text: "Your backward pass" }));
    this.element = el("details", { class: "card folds", "aria-labelledby": "check-title" }, this.summary,
      el("div", { class: "field" },
        el("label", { for: "backward", text: "One gradient a line" }),
        el("div", { class: "marked" }, this.gutter, this.input),
        el("p", { class: "help", id: "backward-help",
          text: "Checked as you type. All values of the forward pass and the upstream gradient are at hand." })),
      this.verdict);
    this.ask = latest((state, isNewest) => this.work(state, isNewest));
    WIDE.addEventListener("change", () => this.fold());
    this.fold();
  }

  /** On a narrow page it is one line above the steps until it is wanted; else it is always open. */
  fold() {
    this.element.open = WIDE.matches || Boolean(this.explorer.state.backward?.trim());
    this.summary.tabIndex = WIDE.matches ? -1 : 0;
  }

  render() {
    const text = this.explorer.state.backward ?? "";
    this.element.hidden = Boolean(this.explorer.state.playground);
    if (this.input.value !== text) this.input.value = text;
    // What is offered is for the text that was checked.
    const repair = this.verdict.querySelector(".repair + button");
    if (repair) repair.disabled = text !== this.checked;
    this.input.rows = Math.min(14, Math.max(4, text.split("\n").length + 1));
  }

  run(ready) {
    if (!ready.playground) this.ask({ asked: this.explorer.requested(), backward: ready.backward ?? "" });
  }

  async work({ asked, backward }, isNewest) {
    const isCurrent = () => isNewest() && (this.explorer.state.backward ?? "") === backward;
    if (!backward.trim()) {
      this.mark("", [], []);
      this.verdict.replaceChildren();
      return;
    }
    try {
      const found = await this.explorer.api.post("/api/check", { state: asked, backward });
      if (isCurrent()) this.show(backward, found);
    } catch (error) {
      if (isCurrent()) this.verdict.replaceChildren(el("p", { class: "error", text: error.message }));
    }
  }

  mark(text, lines, faults) {
    const verdicts = new Map(lines.map(({ line, verdict }) => [line, verdict]));
    for (const { line } of faults) if (line) verdicts.set(line, "fault");
    const rows = text.split("\n").map((_, i) => {
      const verdict = verdicts.get(i + 1);
      const [mark, title] = MARKS[verdict] ?? ["", ""];
      return el("li", { class: `mark ${verdict ?? ""}`, title, text: mark });
    });
    this.gutter.replaceChildren(...rows);
    this.gutter.scrollTop = this.input.scrollTop;
  }

  show(text, found) {
    this.checked = text;
    this.mark(text, found.lines, found.faults);
    const parts = [];
    if (found.wrong) parts.push(this.wrong(text, found.wrong));
    for (const fault of found.faults) {
      const place = fault.line ? `Line ${fault.line}: ` : "";
      parts.push(el("p", { class: "error" }, place, ...told(fault, text)));
    }
    const right = found.lines.filter(({ verdict }) => verdict === "right").length;
    const kinks = found.lines.filter(({ verdict }) => verdict === "kink");
    for (const line of kinks) parts.push(el("p", { class: "help", text: `${line.name}: ${line.note}` }));
    if (!found.wrong && !found.faults.length && right) {
      parts.push(el("p", { class: "good", text: found.ok
        ? `✓ Right: ${right === 1 ? "the line" : `all ${right} gradients`}, at these values and at others.`
        : `✓ Right so far: ${right} of ${right + found.missing.length} gradients.` }));
    }
    if (found.wrong?.verdict === "raises") {
      parts.push(el("p", { class: "help", text: "What comes after it is checked once it can be worked out." }));
    } else if (found.missing.length && !found.ok) {
      parts.push(el("p", { class: "help", text: `Not there yet: ${found.missing.map((name) => `d${name}`).join(", ")}. Unmark above what need not be derived.` }));
    }
    this.verdict.replaceChildren(...parts);
  }

  wrong(text, wrong) {
    const said = [wrong.title ? `${capital(wrong.title)}.` : "", wrong.evidence && `${capital(wrong.evidence)}.`, wrong.note]
      .filter(Boolean).join(" ");
    const box = el("div", { class: "wrong", "data-line": wrong.line },
      el("p", { class: "wrong-title" }, `✗ Line ${wrong.line} is the first wrong one: `,
        el("code", { text: wrong.before || wrong.name })));
    if (said) box.append(el("p", { text: said }));
    box.append(el("dl", { class: "numbers" },
      ...(wrong.got ? [el("dt", { text: "you have" }), el("dd", {}, el("code", { text: wrong.got }))] : []),
      el("dt", { text: "it should be" }), el("dd", {}, el("code", { text: wrong.expected }))));
    if (wrong.after) {
      box.append(el("p", { class: "repair" }, "Write ", el("code", { text: wrong.after })),
        el("button", { type: "button", class: "quiet", text: "Use this line", on: { click: () => this.repair(wrong) } }));
    }
    if (wrong.worked) {
      box.append(el("details", {}, el("summary", { text: "The steps that lead there" }),
        el("pre", { tabindex: "0", "aria-label": "Worked steps", text: wrong.worked })));
    }
    return box;
  }

  repair({ line, name, after }) {
    const text = this.input.value;
    const [begin, end] = extent(text, line, name);
    this.explorer.change({ backward: text.slice(0, begin) + after + text.slice(end) });
    this.input.focus();
  }
}

/**
 * Where the statement that assigns to a name stands, of those that begin in a line: several may,
 * and brackets may hold later lines.
 */
function extent(text, line, name) {
  const first = text.split("\n").slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  let begin = first;
  for (;;) {
    let [end, depth] = [begin, 0];
    for (; end < text.length; end += 1) {
      if ("([".includes(text[end])) depth += 1;
      else if (")]".includes(text[end])) depth -= 1;
      else if (depth <= 0 && ";#\n".includes(text[end])) break;
      else if (text[end] === "#") end = `${text}\n`.indexOf("\n", end); // a comment within brackets
    }
    const statement = text.slice(begin, end);
    const blank = statement.length - statement.trimStart().length;
    if (statement.split("=")[0].trim() === name) return [begin + blank, begin + statement.trimEnd().length];
    if (text[end] !== ";") return [first, `${text}\n`.indexOf("\n", first)];
    begin = end + 1;
  }
}

function capital(text) {
  return text ? text[0].toUpperCase() + text.slice(1).replace(/\.$/, "") : "";
}
