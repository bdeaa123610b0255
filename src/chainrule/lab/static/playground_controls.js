/** The settings of a run: fields with their messages beside them. */

import { make } from "./playground_dom.js";

const NAMES = {
  spiral: "Spiral", moons: "Moons", circles: "Circles", blobs: "Blobs", xor: "XOR", table: "Your CSV",
  tanh: "tanh", relu: "ReLU", sigmoid: "Sigmoid", leakyrelu: "Leaky ReLU", elu: "ELU", gelu: "GELU",
  silu: "SiLU", softplus: "Softplus", none: "Linear", sgd: "SGD", momentum: "Momentum",
  adam: "Adam", rmsprop: "RMSProp", adagrad: "AdaGrad", lion: "Lion",
};
/** Milliseconds without a key press after which what was typed counts. */
const QUIET = 350;
/** Characters of a pasted table from which on it is not left to the browser to insert it. */
const LONG = 2000;

/**
 * @param {object} options what the server offers
 * @param {object} api
 * @param {(config: object) => void} changed
 */
export function createControls(options, api, changed) {
  const { limits } = options;
  let config = structuredClone(options.standard);
  let timer = 0;
  const fields = new Map();

  function later(wait = QUIET) {
    clearTimeout(timer);
    timer = setTimeout(send, wait);
  }

  function send() {
    clearTimeout(timer);
    timer = 0;
    if (!isTableless()) changed(structuredClone(config));
  }

  const isTableless = () => config.data === "table" && !config.table;

  function field(name, label, input) {
    const id = `pg-${name.replace(".", "-")}`;
    input.id = id;
    input.setAttribute("aria-describedby", `${id}-error`);
    const error = make("p", { class: "pg-error", id: `${id}-error`, hidden: true });
    const row = make("div", { class: "pg-field", "data-field": name },
      make("label", { for: id, text: label }), input, error);
    fields.set(name, { input, error, row });
    return row;
  }

  function select(name, label, values, then = () => {}) {
    const input = make("select", { on: { change: () => { config[name] = input.value; then(); later(0); } } },
      ...values.map((value) => make("option", { value, text: NAMES[value] ?? value })));
    return field(name, label, input);
  }

  function numeric(name, label, attributes) {
    const input = make("input", {
      type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", ...attributes,
      on: { input: () => { config[name] = read(input.value); later(); } },
    });
    return field(name, label, input);
  }

  // -- layers ----------------------------------------------------------------------------

  const widths = make("div", { class: "pg-widths" });
  const fewer = make("button", {
    type: "button", class: "pg-small", "aria-label": "One layer fewer", text: "−",
    on: { click: () => { config.layers.pop(); layers(); later(0); } },
  });
  const more = make("button", {
    type: "button", class: "pg-small", "aria-label": "One layer more", text: "+",
    on: { click: () => { config.layers.push(config.layers.at(-1) ?? 8); layers(); later(0); } },
  });

  function layers() {
    const list = Array.isArray(config.layers) ? config.layers : [];
    // Fields that are there stay, and whoever is typing in one goes on typing.
    while (widths.children.length > list.length) widths.lastChild.remove();
    while (widths.children.length < list.length) widths.append(units(widths.children.length));
    list.forEach((width, at) => put(widths.children[at], width));
    fewer.disabled = !list.length;
    more.disabled = list.length >= limits.layers;
  }

  function units(at) {
    return make("input", {
      type: "text", inputmode: "numeric", autocomplete: "off", "aria-label": `Units of layer ${at + 1}`,
      "aria-describedby": "pg-layers-error",
      on: { input: (event) => { config.layers[at] = read(event.target.value); later(); } },
    });
  }

  const layerError = make("p", { class: "pg-error", id: "pg-layers-error", hidden: true });
  const layerField = make("div", { class: "pg-field pg-layers", "data-field": "layers", role: "group", "aria-label": "Hidden layers" },
    make("span", { class: "pg-label", text: "Hidden layers" }), make("div", { class: "pg-steppers" }, fewer, more), widths, layerError);
  fields.set("layers", { input: widths, error: layerError, row: layerField });

  // -- a table of one's own --------------------------------------------------------------

  const file = make("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv,text/plain", id: "pg-file" });
  const chosen = ["x", "y", "target"].map((role) => {
    const input = make("select", { on: { change: () => { config.table[role] = input.value; later(0); } } });
    return { role, input, row: field(`table.${role}`, { x: "Across", y: "Up", target: "Class" }[role], input) };
  });
  const tableError = make("p", { class: "pg-error", id: "pg-table-error", hidden: true });
  const pasted = make("textarea", { id: "pg-table", rows: "5", wrap: "off", spellcheck: "false", "aria-describedby": "pg-table-help pg-table-error", placeholder: "height,weight,kind\n1.2,3.4,a\n1.7,2.9,b" });
  const columns = make("div", { hidden: true }, ...chosen.map(({ row }) => row));
  const table = make("div", { class: "pg-table", "data-field": "table", hidden: true },
    make("label", { for: "pg-table", text: "Paste a table, or choose a file" }), pasted, tableError, file,
    make("p", { class: "pg-help", id: "pg-table-help", text: "Two columns of numbers, and one with two to six different values, as classes." }),
    columns);
  fields.set("table", { input: pasted, error: tableError, row: table });
  file.setAttribute("aria-label", "Choose a CSV file");
  file.addEventListener("change", async () => {
    const [given] = file.files;
    if (!given) return;
    if (given.size > 4 * limits.characters) {
      report([{ field: "table", message: `The file has ${given.size.toLocaleString("en")} bytes; at most ${limits.characters.toLocaleString("en")} characters are taken.` }]);
      return;
    }
    const text = await given.text();
    if (isTooLong(text)) return;
    pasted.value = text;
    await take();
  });
  /** Browsers take seconds to insert thousands of lines as if they were typed. */
  pasted.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text.length < LONG) return;
    event.preventDefault();
    if (isTooLong(text)) return;
    pasted.setRangeText(text, pasted.selectionStart, pasted.selectionEnd, "end");
    take();
  });
  function isTooLong(text) {
    const is = text.length > limits.characters;
    if (is) report([{ field: "table", message: `This has ${text.length.toLocaleString("en")} characters; at most ${limits.characters.toLocaleString("en")} are taken.` }]);
    return is;
  }
  let typed = 0;
  pasted.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(take, QUIET); });
  /** What is wrong with the text in the field; what is taken then is the text before. */
  let fault = [];
  /** Texts that the server has been asked about, and has not answered. */
  let taking = 0;

  /** Ask which columns there are, and begin with those that the server proposes. */
  async function take() {
    clearTimeout(typed);
    typed = 0;
    const text = pasted.value;
    if (!text.trim()) return report(fault = []);
    let found = null;
    let wrong = [];
    taking += 1;
    try {
      found = await api.post("/api/playground/table", { text });
      if (!found.chosen) wrong = [{ field: "table", message: found.lacking }];
    } catch (error) {
      wrong = error.errors ?? [{ field: "table", message: String(error.message) }];
    }
    taking -= 1;
    if (text !== pasted.value || config.data !== "table") return;
    report(fault = wrong);
    if (wrong.length) return;
    config.table = { text, ...found.chosen };
    offer(found.columns);
    later(0);
  }

  let offered = "";
  /** Let people choose among the columns that can serve. */
  function offer(found) {
    const serving = (role) => found.filter(({ numeric, classes }) => (role === "target" ? classes : numeric));
    for (const { role, input } of chosen) fill(input, serving(role).map(({ name }) => name), config.table[role]);
    columns.hidden = false;
    offered = config.table.text;
  }

  /** Show a table that came from elsewhere: a link, a file, or before a reload. */
  async function showTable({ text }) {
    // What is typed there and cannot be taken yet is left to be mended.
    if (offered !== text || !fault.length) [pasted.value, fault] = [text, []];
    for (const { role, input } of chosen) {
      if (offered === text) input.value = config.table[role];
      else fill(input, [config.table[role]], config.table[role]);
    }
    columns.hidden = false;
    if (offered === text) return;
    try {
      const found = await api.post("/api/playground/table", { text });
      if (config.table?.text === text) offer(found.columns);
    } catch {
      // The columns that were chosen stay; there is nothing to choose.
    }
  }

  function data() {
    const isTable = config.data === "table";
    table.hidden = !isTable;
    for (const name of ["samples", "noise"]) fields.get(name).row.hidden = isTable;
    if (!isTable) delete config.table;
    else if (!config.table && pasted.value) take();
  }

  const root = make("form", { class: "pg-controls", "aria-label": "Settings", on: { submit: (event) => event.preventDefault() } },
    group("Data",
      select("data", "Samples from", [...options.data, "table"], data), table,
      numeric("samples", "How many", { inputmode: "numeric" }), numeric("noise", "Noise"),
      numeric("validation", "Held out")),
    group("Network",
      layerField, select("activation", "Activation", options.activations),
      numeric("dropout", "Dropout"), numeric("l2", "L2 penalty")),
    group("Learning",
      select("optimizer", "Optimizer", options.optimizers), numeric("rate", "Learning rate"),
      numeric("batch", "Batch size", { inputmode: "numeric" }), numeric("seed", "Seed", { inputmode: "numeric" })),
  );

  /** Show messages beside their fields; all others have none. */
  function report(errors) {
    const left = [];
    const said = new Map();
    const layersAt = new Set();
    for (const { field: name, message } of errors) {
      if (name.startsWith("layers.")) layersAt.add(Number(name.split(".")[1]));
      const key = fields.has(name) ? name : fields.has(name.split(".")[0]) ? name.split(".")[0] : null;
      if (key) said.set(key, said.has(key) ? `${said.get(key)} ${message}` : message);
      else left.push(message);
    }
    for (const [name, { input, error }] of fields) {
      error.textContent = said.get(name) ?? "";
      error.hidden = !said.has(name);
      if (name !== "layers") input.setAttribute("aria-invalid", String(said.has(name)));
    }
    [...widths.children].forEach((input, at) => input.setAttribute("aria-invalid", String(layersAt.has(at))));
    return left;
  }

  return {
    root,
    report,
    /** Whether something has been typed or chosen that has not been sent. */
    isTyping: () => timer !== 0 || typed !== 0 || taking > 0 || isTableless(),
    /** Send what has been typed, without waiting for more. */
    flush() { if (timer) send(); },
    /** Show a configuration, as the server returned it. */
    show(next) {
      clearTimeout(timer);
      timer = 0;
      config = { ...structuredClone(options.standard), ...structuredClone(next) };
      for (const [name, { input }] of fields) {
        if (name.includes(".") || name === "layers" || name === "table") continue;
        put(input, config[name]);
      }
      if (config.table) showTable(config.table);
      layers();
      data();
      report(fault);
    },
  };
}

function group(title, ...children) {
  return make("fieldset", {}, make("legend", { text: title }), ...children);
}

function fill(input, names, value) {
  input.replaceChildren(...names.map((name) => make("option", { value: name, text: name })));
  input.value = value;
}

/** Let a field say a value; one that says so already keeps its text: 0.10 is 0.1. */
function put(input, value) {
  if (input.value === "" || read(input.value) !== value) input.value = String(value);
}

/** What was typed, as a number where it is one: the server says what is wrong with the rest. */
function read(text) {
  const plain = text.trim().replace("−", "-");
  return plain !== "" && Number.isFinite(Number(plain)) ? Number(plain) : text;
}
