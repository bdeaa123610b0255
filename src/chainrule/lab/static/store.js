/**
 * What survives a reload. Each tab has its own state; a new tab starts from the last one.
 */

const VERSION = "chainrule-lab/1";

function read(storage) {
  try {
    const found = JSON.parse(storage.getItem(VERSION) ?? "{}");
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {}; // damaged, or not allowed
  }
}

function write(storage, values) {
  try {
    storage.setItem(VERSION, JSON.stringify(values));
  } catch {
    // Full, or not allowed: the page works on, and forgets at a reload.
  }
}

/** Make the store of this tab. */
export function createStore() {
  const own = read(sessionStorage);
  const values = Object.keys(own).length ? own : read(localStorage);
  return {
    get: (key) => values[key],
    set(key, value) {
      values[key] = value;
      write(sessionStorage, values);
      write(localStorage, values);
    },
  };
}
