/** Fields for numbers: short to look at, exact to edit. */

const DIGITS = 6; // of a number that is only looked at, as gradients have them
const LONG = /-?\d*\.?\d+(?:e[+-]?\d+)?/gi;

/**
 * Text with its numbers to few digits, as they are looked at.
 * @param {string} text A number, or a list of them.
 * @returns {string}
 */
export function brief(text) {
  return text.replace(LONG, (number) => {
    if (number.replace(/[-.]/g, "").length <= DIGITS + 1) return number;
    const value = Number(number);
    if (!Number.isFinite(value)) return number;
    const short = String(Number(value.toPrecision(DIGITS)));
    return short.length < number.length ? short : number;
  });
}

/**
 * Let a field show few digits, and all of them while it has the focus. What the field stands for
 * is never what it shows: it changes by typing alone.
 * @param {HTMLInputElement} input
 * @returns {{text: string}} What the field stands for, to read and to set.
 */
export function exactField(input) {
  let exact = input.value;
  let typed = false; // since it has the focus
  const focused = () => input.getRootNode().activeElement === input;
  function show() {
    const text = focused() ? exact : brief(exact);
    if (input.value !== text) input.value = text;
    const shortened = brief(exact) !== exact;
    input.classList.toggle("cr-long", shortened);
    if (shortened) input.title = exact;
    else input.removeAttribute("title");
  }
  input.addEventListener("input", () => { [exact, typed] = [input.value, true]; });
  input.addEventListener("focus", () => {
    typed = false;
    const whole = input.selectionStart === 0 && input.selectionEnd === input.value.length;
    show();
    if (whole && exact) input.select();
  });
  input.addEventListener("blur", show);
  return {
    get text() {
      return exact;
    },
    set text(text) {
      // What somebody is typing stays as it is typed.
      if (focused() && typed) return;
      exact = text;
      show();
    },
  };
}
