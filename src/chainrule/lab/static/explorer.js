/** The explorer: a function, its values, and all that follows from them. */

/** @param {HTMLElement} root @param {ReturnType<import("./api.js").createApi>} api */
export async function mount(root, api) {
  const { examples } = await api.get("/api/examples");
  const list = document.createElement("pre");
  list.textContent = examples.map((example) => example.lines.join("\n")).join("\n\n");
  root.append(list);
  return { explore() {} };
}
