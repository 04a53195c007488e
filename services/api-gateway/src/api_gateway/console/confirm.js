/*
 * Owns the one place from which money moves: a dialog that says what each side gains and loses.
 * It opens away from what opened it with no button focused, and is deaf to whatever comes within
 * half a second and to keys that are held down, so that one press too many does nothing.
 */
import { el, find, setText } from "./dom.js";

const DEAF_MS = 500;

export class Confirmation {
  #answer = null;
  #hears = 0;
  #timer = 0;
  #stopClock = () => {};
  #expired = false;

  constructor(dialog) {
    this.dialog = dialog;
    this.title = find("[data-title]", dialog);
    this.effects = find("[data-effects]", dialog);
    this.terms = find("[data-terms]", dialog);
    this.clock = find("[data-clock]", dialog);
    this.act = find("[data-act]", dialog);
    this.back = find("[data-back]", dialog);
    this.act.addEventListener("click", (event) => this.#press(event));
    this.back.addEventListener("click", () => this.#close("back"));
    dialog.addEventListener("close", () => this.#close("back"));
  }

  /**
   * Asks about one deed; resolves with "done" when it was confirmed, "renew" when its quote ran out
   * and a new one is wanted, else "back".
   * `effects` are {who, does, sum}; `clock(place, onExpired)` counts a quote down and returns a stop;
   * `from` is the element that was pressed.
   */
  ask({ title, effects, terms = [], act, clock = null, from = null }) {
    this.#close("back");
    setText(this.title, title);
    setText(this.act, act);
    this.effects.replaceChildren(...effects.map(effect));
    this.terms.replaceChildren(...terms);
    this.clock.replaceChildren();
    this.#expired = false;
    this.dialog.classList.toggle("high", isLow(from));
    this.dialog.showModal();
    this.title.focus();
    this.#deafen();
    const answered = new Promise((resolve) => {
      this.#answer = resolve;
    });
    if (clock) this.#stopClock = clock(this.clock, () => this.#expire());
    return answered;
  }

  #press(event) {
    const deaf = performance.now() < this.#hears || event.detail > 1;
    if (deaf) return this.#deafen();
    this.#close(this.#expired ? "renew" : "done");
  }

  #expire() {
    this.#expired = true;
    setText(this.act, "Get a new quote");
    this.#deafen();
  }

  #deafen() {
    clearTimeout(this.#timer);
    this.#hears = performance.now() + DEAF_MS;
    this.act.setAttribute("aria-disabled", "true");
    this.#timer = setTimeout(() => this.act.removeAttribute("aria-disabled"), DEAF_MS);
  }

  #close(answer) {
    const resolve = this.#answer;
    this.#answer = null;
    this.#stopClock();
    this.#stopClock = () => {};
    if (this.dialog.open) this.dialog.close();
    resolve?.(answer);
  }
}

/** A key that is held down acts once: its repetitions press nothing and send no form. */
export function ignoreHeldKeys() {
  const ignore = (event) => {
    const types = event.target.matches?.("input:not([type=checkbox])");
    if (event.repeat && (event.key === "Enter" || (event.key === " " && !types))) {
      event.preventDefault();
    }
  };
  document.addEventListener("keydown", ignore, true);
}

/** What opened the dialog lies in the lower half of the screen: the dialog goes to the upper one. */
function isLow(from) {
  if (!from) return false;
  const { top, bottom } = from.getBoundingClientRect();
  return (top + bottom) / 2 > innerHeight / 2;
}

function effect({ who, does, sum }) {
  const tone = { gains: "good-text", loses: "bad-text" }[does] ?? "";
  return el(
    "li",
    {},
    el("span", { class: "code" }, who),
    " ",
    el("span", { class: tone }, does),
    " ",
    sum ? el("strong", { class: "amount" }, sum) : null,
  );
}
