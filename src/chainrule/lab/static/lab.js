/** The shell of the lab: its two rooms, what they share, and the way out. */

import { createApi } from "./api.js";
import { createStore } from "./store.js";

const ROOMS = ["explorer", "playground"];

// The token has become a cookie; in the address it would end up in the history and in screenshots.
const address = new URL(location.href);
if (address.searchParams.has("token")) {
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

const store = createStore();
const tabs = new Map(ROOMS.map((room) => [room, document.getElementById(`tab-${room}`)]));
const panels = new Map(ROOMS.map((room) => [room, document.getElementById(`room-${room}`)]));
const mounted = new Map();

const api = createApi({
  state: store,
  explore(state) {
    show("explorer");
    mounted.get("explorer")?.then((room) => room?.explore?.(state));
  },
});

async function mount(room) {
  const panel = panels.get(room);
  try {
    const module = await import(`./${room}.js`);
    panel.replaceChildren();
    return (await module.mount(panel, api)) ?? null;
  } catch (error) {
    console.warn(error);
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = `The ${room} could not be loaded. Reload the page to try again.`;
    panel.replaceChildren(note);
    return null;
  }
}

function show(room) {
  for (const name of ROOMS) {
    const on = name === room;
    tabs.get(name).setAttribute("aria-selected", String(on));
    tabs.get(name).tabIndex = on ? 0 : -1;
    panels.get(name).hidden = !on;
  }
  document.title = `${tabs.get(room).textContent} · chainrule lab`;
  if (!mounted.has(room)) mounted.set(room, mount(room));
  if (roomOf(location.hash) !== room) history.replaceState(null, "", `#${room}`);
  store.set("room", room);
}

function roomOf(hash) {
  const name = hash.slice(1).split("?")[0];
  return ROOMS.includes(name) ? name : null;
}

function move(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const here = ROOMS.findIndex((room) => tabs.get(room) === event.target);
  let next = null;
  if (step) next = ROOMS[(here + step + ROOMS.length) % ROOMS.length];
  if (event.key === "Home") next = ROOMS[0];
  if (event.key === "End") next = ROOMS.at(-1);
  if (!next) return;
  event.preventDefault();
  show(next);
  tabs.get(next).focus();
}

for (const [room, tab] of tabs) {
  tab.addEventListener("click", () => show(room));
  tab.addEventListener("keydown", move);
}
window.addEventListener("hashchange", () => {
  const room = roomOf(location.hash);
  if (!room) return;
  show(room);
  mounted.get(room)?.then((found) => found?.shared?.(location.hash));
});

// -- the way out -------------------------------------------------------------------------------

const dialog = document.getElementById("stopping");
document.getElementById("stop").addEventListener("click", () => dialog.showModal());
dialog.addEventListener("close", async () => {
  if (dialog.returnValue !== "stop") return;
  try {
    await api.post("/api/stop");
  } catch {
    // It has stopped already.
  }
  document.body.dataset.stopped = "";
  document.getElementById("rooms").inert = true;
  document.getElementById("stopped").hidden = false;
});

show(roomOf(location.hash) ?? roomOf(`#${store.get("room")}`) ?? "explorer");
