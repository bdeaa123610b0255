/** The playground: a network in training, watched, and asked why. */

import { createAsked } from "./playground_asked.js";
import { SHAPES } from "./playground_colours.js";
import { createControls } from "./playground_controls.js";
import { createCurves } from "./playground_curves.js";
import { make, minus, number, percent } from "./playground_dom.js";
import { moment, places } from "./playground_frame.js";
import { createNetwork } from "./playground_network.js";
import { createPlot } from "./playground_plot.js";
import { download, fromHash, linkOf, opened } from "./playground_share.js";
import { createConnection } from "./playground_socket.js";

/** Where a tab keeps the name of its run; another tab has another run. */
const KEY = "chainrule-playground-run";
/** Tries to connect after which the server is taken for stopped: some seconds. */
const PATIENCE = 4;
const LOST = "The connection is lost, and is being tried again. Training goes on meanwhile, for a while; what you set is sent once it is back.";
const GONE = "The lab does not answer: it may have been stopped. If so, run chainrule lab again and open the link that it prints; your settings are kept in this browser.";
/** Milliseconds between two announcements while training runs. */
const SPOKEN = 5000;
const PACES = [[0, "Full speed"], [1000, "1,000 steps/s"], [100, "100 steps/s"], [10, "10 steps/s"]];

/**
 * @param {HTMLElement} root
 * @param {object} api
 * @returns {Promise<{shared: (hash: string) => void, destroy: () => void}>}
 */
export async function mount(root, api) {
  const [options] = await Promise.all([api.get("/api/playground/options"), style()]);
  const page = layout();
  const plot = createPlot(page.plot, (sample) => { plot.select(sample); asked.pickSample(sample); });
  const network = createNetwork(page.network, (weight) => { network.select(weight); asked.pickWeight(weight); });
  const curves = createCurves(page.curves);
  const asked = createAsked({
    weight: (weight) => network.select(weight),
    sample: (sample) => plot.select(sample),
    explain: (what) => { if (frame) api.explore({ playground: moment(run, frame, what) }); },
  });
  const controls = createControls(options, api, configure);
  page.settings.append(controls.root);
  page.middle.append(asked.root);
  root.classList.add("playground");
  root.replaceChildren(page.root);

  let run = null;
  let frame = null;
  let spoken = 0;
  /** What was asked and is not answered: "open", "reset", "configure", and "whole" for all settings from elsewhere. */
  let waiting = [];
  /** Who waits until all of it is. */
  let settling = [];
  /** The speed that was chosen: frames that were made before have another. */
  let pace = null;
  /** The last configuration that was sent, and one that has to be sent still: the socket had broken. */
  let latest = null;
  let owed = null;
  let isOpening = false;
  let isUp = false;
  let said = "";
  const linked = fromHash(location.hash);
  // After a reload the run of a link goes on, as any other does.
  const isKnown = linked && JSON.stringify(linked) === JSON.stringify(api.state.get("playground"));

  /** What is asked for at first and after a break: the run of this tab, or one like it. */
  function opening() {
    isOpening = true;
    return {
      ...(linked && !run && !isKnown ? {} : { run: sessionStorage.getItem(KEY) ?? "" }),
      config: (!run && linked) || run?.config || api.state.get("playground") || options.standard,
    };
  }

  const connection = createConnection(api, {
    opened() { ask({ do: "open", ...opening() }); },
    told(message) {
      const answered = message.ended ? "" : waiting.shift();
      if (message.errors) refused(message);
      else begin(message, answered);
      if (!waiting.length) settle();
    },
    frame: show,
    connected(is, tries) {
      isUp = is;
      if (waiting.some((kind) => kind === "configure" || kind === "whole")) owed = latest;
      [waiting, pace] = [[], null];
      settle();
      page.lost.hidden = is;
      if (!is) page.lost.textContent = tries < PATIENCE ? LOST : GONE;
      state(page.root.dataset.state);
    },
    isShown: () => root.isConnected && !root.hidden && root.offsetParent !== null,
  });

  function ask(message, kind = message.do) {
    const isSent = connection.send(message);
    if (isSent) waiting.push(kind);
    return isSent;
  }

  function settle() {
    for (const done of settling.splice(0)) done();
  }

  /** Wait until what was typed counts, if it can. */
  async function settled() {
    controls.flush();
    if (waiting.length) await new Promise((done) => { settling.push(done); });
  }

  /** Do something with the run, with the settings that are seen beside it. */
  function command(message) {
    controls.flush();
    connection.send(message);
  }

  function configure(config, kind = "configure") {
    latest = config;
    owed = ask({ do: "configure", config }, kind) ? null : config;
    // A link in the address is of other settings, and a reload would bring those back.
    if (kind === "configure" && fromHash(location.hash)) history.replaceState(null, "", "#playground");
  }

  function refused({ errors, ended }) {
    const left = controls.report(errors);
    page.message.textContent = left.join(" ");
    page.message.hidden = !left.length;
    if (ended) state("ended");
    // A link or a kept state that is no good: begin with what is, if there is room for a run.
    const isFull = errors.some(({ field }) => field === "run");
    if (!run && !ended && !isFull) ask({ do: "open", config: options.standard });
  }

  function begin(described, answered) {
    const isAnother = isOpening && run && described.run !== run.run;
    isOpening = false;
    const isSame = run && run.generation === described.generation && run.run === described.run;
    if (run?.run !== described.run) pace = null;
    run = described;
    sessionStorage.setItem(KEY, run.run);
    api.state.set("playground", run.config);
    if (!isSame) {
      const placed = places(run.layers);
      frame = null;
      plot.begin(run);
      network.begin(run, placed);
      curves.begin();
      asked.begin(run, placed);
      legend(page, run.points);
      page.stopped.hidden = page.finding.hidden = true;
      state(answered === "open" ? page.root.dataset.state : "paused");
    }
    // What is being typed is newer than this answer.
    if (!waiting.length && !owed && (answered === "whole" || !controls.isTyping())) controls.show(run.config);
    page.size.textContent = `${run.parameters.toLocaleString("en")} parameters`;
    page.message.hidden = true;
    connection.ask(true);
    if (owed) configure(owed);
    else if (isAnother) note("The run had ended meanwhile. This is its beginning.");
  }

  function show(next) {
    if (!run || next.generation !== run.generation) return;
    frame = next;
    plot.show(frame);
    network.show(frame);
    curves.show(frame);
    asked.show(frame);
    figures(page.figures, frame);
    page.finding.textContent = minus(frame.finding);
    page.finding.hidden = !frame.finding;
    page.signs.lastChild.hidden = !Object.values(frame.dead).some((units) => units.length);
    if (pace === null || pace === frame.pace) [pace, page.pace.value] = [null, String(frame.pace)];
    stopped();
    state(frame.state);
    speak();
  }

  /** Say in plain words that a run is over, and how to go on. */
  function stopped() {
    page.stopped.hidden = frame.state !== "diverged";
    if (page.stopped.hidden) return;
    const text = `Training stopped after step ${frame.step.toLocaleString("en")}: numbers grew beyond all bounds, so that the next ones would be infinite or no numbers at all (NaN). `
      + `The weights shown are the last that are finite. To go on, choose a smaller learning rate than ${number(run.config.rate)}, or Reset to begin again.`;
    if (page.stopped.textContent !== text) page.stopped.textContent = text;
  }

  function state(name) {
    page.root.dataset.state = name;
    page.root.dataset.step = String(frame?.step ?? 0);
    page.train.textContent = name === "running" ? "Pause" : "Train";
    page.reset.classList.toggle("pg-primary", name === "diverged" || name === "ended");
    page.train.disabled = !isUp || !run || name === "diverged" || name === "ended";
    page.step.disabled = page.train.disabled;
    for (const control of [page.link, page.save]) control.disabled = !run;
    for (const control of [page.reset, page.pace]) control.disabled = !isUp;
  }

  /** Tell those who do not see the curves how things are, and not too often. */
  function speak() {
    const now = performance.now();
    const isNews = frame.state !== said;
    if (!isNews && (frame.state !== "running" || now - spoken < SPOKEN)) return;
    [spoken, said] = [now, frame.state];
    const [step, loss, accuracy, , held] = frame.scores;
    const words = { running: "Training", paused: "Paused", diverged: "Stopped: numbers are no longer finite" };
    page.spoken.textContent = `${words[frame.state]}. Step ${step}: loss ${number(loss)}, accuracy ${percent(accuracy)}${held === null ? "" : `, on held-out samples ${percent(held)}`}.`;
  }

  page.train.addEventListener("click", () => command({ do: page.root.dataset.state === "running" ? "pause" : "train" }));
  page.step.addEventListener("click", () => command({ do: "step", steps: 1 }));
  page.reset.addEventListener("click", () => ask(run ? { do: "reset" } : { do: "open", ...opening() }));
  page.pace.append(...PACES.map(([value, text]) => make("option", { value: String(value), text })));
  page.pace.addEventListener("change", () => {
    pace = Number(page.pace.value);
    connection.send({ do: "pace", pace });
  });
  page.link.addEventListener("click", async () => {
    await settled();
    const link = linkOf(run.config);
    if (!link) return note("This table is too long for a link. Save a file instead.");
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      return note("Link copied. It gives the same run again.");
    } catch {
      return note("The address of this page is now the link.");
    }
  });
  page.save.addEventListener("click", async () => {
    await settled();
    download(run.config, frame?.step ?? 0);
  });
  page.open.addEventListener("change", async () => {
    const [file] = page.open.files;
    if (!file) return;
    const { config, error } = await opened(file, 8 * options.limits.characters);
    page.open.value = "";
    if (error) note(error);
    else configure(config, "whole");
  });

  function note(text) {
    page.note.textContent = text;
    setTimeout(() => { if (page.note.textContent === text) page.note.textContent = ""; }, 6000);
  }

  state("opening");
  const redraw = () => [plot, network, curves].forEach((each) => each.draw());
  const watch = new ResizeObserver(redraw);
  for (const canvas of [page.plot, page.network, page.curves]) watch.observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  return {
    /** Begin the run of a link that was opened in this tab. */
    shared(hash) {
      const config = fromHash(hash);
      if (config) configure(config, "whole");
    },
    /** For tests: where a weight or a sample is drawn. */
    where: (what) => (typeof what === "number" ? plot.where(what) : network.where(what)),
    destroy() {
      watch.disconnect();
      connection.close();
    },
  };
}

function style() {
  return new Promise((resolve) => {
    const link = make("link", { rel: "stylesheet", href: "/static/playground.css" });
    link.addEventListener("load", resolve);
    link.addEventListener("error", resolve);
    document.head.append(link);
  });
}

function layout() {
  const button = (name, text, attributes = {}) => make("button", { type: "button", "data-do": name, text, ...attributes });
  const canvas = (name, label) => make("canvas", { class: `pg-${name}`, role: "img", "aria-label": label });
  const page = {
    train: button("train", "Train", { class: "pg-primary" }),
    step: button("step", "Step"),
    reset: button("reset", "Reset"),
    pace: make("select", { id: "pg-pace", "aria-label": "Speed" }),
    link: button("link", "Copy link"),
    save: button("save", "Save file"),
    open: make("input", { type: "file", accept: ".json,application/json", id: "pg-open", class: "pg-hidden" }),
    figures: make("dl", { class: "pg-figures" }),
    plot: canvas("plot", "The plane: what the network answers at each point, and the samples"),
    network: canvas("network", "The network: its units and weights; choose one below"),
    curves: canvas("curves", "Loss and accuracy by step"),
    legend: make("ul", { class: "pg-legend" }),
    lines: make("ul", { class: "pg-legend pg-lines" }),
    signs: make("ul", { class: "pg-legend pg-signs" },
      ...[["positive", "positive weight"], ["negative", "negative"], ["unit", "output of a unit"], ["dead", "learns nothing"]]
        .map(([kind, text]) => make("li", { "data-sign": kind, text, hidden: kind === "dead" }))),
    finding: make("p", { class: "pg-finding", tabindex: "0", role: "note", "aria-label": "What was found", hidden: true }),
    message: make("p", { class: "pg-message", role: "alert", hidden: true }),
    stopped: make("p", { class: "pg-message", role: "alert", "data-stopped": true, hidden: true }),
    lost: make("p", { class: "pg-message", role: "status", "data-lost": true, hidden: true }),
    note: make("p", { class: "pg-note", role: "status" }),
    spoken: make("p", { class: "pg-hidden", role: "status", "data-spoken": true }),
    size: make("span", { class: "pg-size" }),
    settings: make("details", { class: "pg-settings", open: true }, make("summary", { text: "Settings" })),
  };
  const wide = matchMedia("(min-width: 901px)");
  const unfold = () => { page.settings.open = wide.matches; };
  unfold();
  wide.addEventListener("change", unfold);
  page.middle = make("div", { class: "pg-middle" },
    make("div", { class: "pg-head" }, make("h2", {}, "Network ", page.size), page.signs), page.network);
  page.right = make("div", { class: "pg-right" }, page.plot, page.legend, page.curves, page.lines, page.finding);
  page.root = make("div", { class: "pg", "data-state": "opening", "data-step": "0" },
    make("div", { class: "pg-bar" },
      make("div", { class: "pg-run" }, page.train, page.step, page.reset, page.pace),
      page.figures,
      make("div", { class: "pg-share" }, page.note, page.link, page.save,
        page.open, make("label", { for: "pg-open", class: "pg-button", text: "Open file" }))),
    page.message, page.stopped, page.lost, page.spoken,
    make("div", { class: "pg-columns" }, page.settings, page.middle, page.right));
  return page;
}

/** The numbers of now. */
function figures(list, { step, state, scores: [, loss, accuracy, heldLoss, held] }) {
  const finite = (value) => (value === null && state === "diverged" ? "not finite" : number(value));
  const shown = [
    ["Step", step.toLocaleString("en")], ["Loss", finite(loss)], ["Loss, held out", finite(heldLoss)],
    ["Accuracy", percent(accuracy)], ["Accuracy, held out", percent(held)],
  ];
  list.replaceChildren(...shown.map(([name, text]) =>
    make("div", {}, make("dt", { text: name }), make("dd", { text }))));
}

/** Which mark is which class, and which line which samples: in words, by shape and by colour. */
function legend({ legend: marks, lines }, { classes, trained, x }) {
  const isHeld = trained < x.length;
  marks.replaceChildren(
    ...classes.map((name, at) => make("li", { class: `pg-key pg-key-${at}`, "data-shape": SHAPES[at], text: name, title: name })),
    make("li", { class: "pg-key-held", text: "hollow: held out", hidden: !isHeld }),
    make("li", { class: "pg-key-next", text: "outlined: next batch" }));
  lines.replaceChildren(
    make("li", { "data-line": "trained", text: "trained on" }),
    make("li", { "data-line": "held", text: "held out", hidden: !isHeld }));
}
