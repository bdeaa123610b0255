/** The connection to a run: it comes back by itself, and asks for a frame when the last is drawn. */

import { decode } from "./playground_frame.js";

const WAITS = [300, 1000, 2000, 4000];
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
/** Milliseconds between frames for those who want little motion. */
const CALM_WAIT = 500;

/**
 * @param {object} api
 * @param {{opened: () => void, told: (message: object) => void, frame: (frame: object) => void,
 *   connected: (isUp: boolean, tries: number) => void, isShown: () => boolean}} room
 */
export function createConnection(api, room) {
  let socket = null;
  let tries = 0;
  let isOver = false;

  function connect() {
    if (isOver) return;
    const made = api.socket("/api/playground/socket");
    made.binaryType = "arraybuffer";
    made.addEventListener("open", () => {
      socket = made;
      tries = 0;
      room.connected(true, 0);
      room.opened();
    });
    made.addEventListener("message", ({ data }) => {
      if (typeof data === "string") room.told(JSON.parse(data));
      else draw(decode(data));
    });
    made.addEventListener("close", () => {
      if (isOver) return;
      if (socket === made) socket = null;
      setTimeout(connect, WAITS[Math.min(tries, WAITS.length - 1)]);
      tries += 1;
      room.connected(false, tries);
    });
  }

  /** Draw when the browser draws, and only then ask for more: a slow page holds up nothing. */
  function draw(frame) {
    requestAnimationFrame(() => {
      // The next one is made while this one is drawn.
      if (CALM.matches) setTimeout(ask, CALM_WAIT);
      else ask();
      room.frame(frame);
    });
  }

  function ask(now = false) {
    if (!room.isShown()) setTimeout(ask, 300, now);
    else send({ do: "frame", now });
  }

  function send(message) {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  }

  connect();
  return {
    send,
    ask,
    close() {
      isOver = true;
      socket?.close();
    },
  };
}
