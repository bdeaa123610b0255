/** Saving a worked solution as a file, where a host can make one. */

import { el } from "./dom.js";

const FILES = [
  ["html", "Page to step through"], ["svg", "Picture (SVG)"], ["png", "Picture (PNG)"],
  ["pdf", "Picture (PDF)"], ["gif", "Animation (GIF)"], ["md", "Markdown"], ["tex", "LaTeX"],
  ["txt", "Text"], ["py", "Python code"], ["json", "JSON"],
];

/**
 * A list of forms and a button; null where the host makes no files.
 * @param {{host: {export_?: (suffix: string) => Promise<void>}, say: (text: string) => void}} view
 * @returns {HTMLElement | null}
 */
export function filesPanel(view) {
  if (!view.host.export_) return null;
  const select = el(
    "select", { "aria-label": "Form of the file", "data-key": "file-form" },
    ...FILES.map(([suffix, title]) => el("option", { value: suffix, text: title })),
  );
  const told = el("span", { class: "cr-told", role: "status" });
  const button = el("button", {
    type: "button", class: "cr-quiet", text: "Save", "data-key": "file-save", on: { click: save },
  });

  async function save() {
    button.disabled = true;
    told.classList.remove("cr-error");
    told.textContent = "Making the file…";
    try {
      await view.host.export_(select.value);
      told.textContent = "Saved.";
    } catch (error) {
      told.classList.add("cr-error");
      told.textContent = error.message;
    }
    button.disabled = false;
  }

  return el("div", { class: "cr-files cr-field", role: "group", "aria-label": "Save as a file" },
    el("span", { class: "cr-label", text: "File" }), select, button, told);
}
