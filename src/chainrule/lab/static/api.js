/**
 * What the rooms of the lab know of the server and of each other.
 *
 * @typedef {{field: string, message: string, line?: number, column?: number}} Fault
 */

/** An answer that says what is wrong, field by field. */
export class ApiError extends Error {
  /** @param {Fault[]} errors @param {number} status */
  constructor(errors, status) {
    super(errors.map((error) => error.message).join(" "));
    this.name = "ApiError";
    this.errors = errors;
    this.status = status;
  }
}

const GONE = "The lab does not answer. It may have been stopped: run chainrule lab again.";

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError([{ field: "", message: GONE }], 0);
  }
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("application/json")) {
    if (response.ok) return response;
    throw new ApiError([{ field: "", message: `The lab answered ${response.status}.` }], response.status);
  }
  const body = await response.json();
  if (body.errors?.length) throw new ApiError(body.errors, response.status);
  return body;
}

/**
 * Make what a room works with.
 *
 * @param {{state: {get: Function, set: Function}, explore: (state: object) => void}} shell
 */
export function createApi(shell) {
  return {
    /** Send an object, get an object; throws an ApiError with `.errors`. */
    post(path, body = {}, { signal } = {}) {
      return answer(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal,
      });
    },
    /** Get an object. */
    get(path, { signal } = {}) {
      return answer(path, { signal });
    },
    /** Open a socket; the browser sends the token's cookie along. */
    socket(path) {
      return new WebSocket(`ws://${location.host}${path}`);
    },
    /** Show something in the explorer: `{example}`, `{formula, values}` or `{playground}`. */
    explore: shell.explore,
    /** `get(key)` and `set(key, value)`: what survives a reload. */
    state: shell.state,
  };
}

/**
 * Of many requests for one thing, run one at a time, and of those that wait only the newest.
 *
 * @template T
 * @param {(wanted: T, isNewest: () => boolean) => Promise<void>} work
 * @returns {(wanted: T) => Promise<void>} resolves when nothing is left to be done
 */
export function latest(work) {
  let running = null;
  let waiting = null;
  return (wanted) => {
    waiting = { wanted };
    running ??= (async () => {
      try {
        while (waiting) {
          const { wanted: next } = waiting;
          waiting = null;
          await work(next, () => waiting === null);
        }
      } finally {
        running = null;
      }
    })();
    return running;
  };
}
