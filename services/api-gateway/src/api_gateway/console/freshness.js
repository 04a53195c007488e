/*
 * Owns how old what is shown is. Age counts here, from the last good answer: a service that says
 * nothing any more is found by that within five seconds, and what it said is greyed.
 */
import { setText } from "./dom.js";
import { age } from "./time.js";

const TICK_MS = 500;
/** Above the pause between two readings and the time that one may take to be noticed. */
const OLD_SECONDS = 4;

export class Freshness {
  #panel;
  #place;
  #onTick;
  #at = null;
  #from = performance.now();
  #pause = 0;
  #problem = "";

  /**
   * Greys `panel` while what it shows is old, and says in `place` how old it is and why.
   * `onTick({seconds, old, problem})` runs twice a second: seconds since the last good answer.
   */
  constructor(panel, place, signal, onTick = () => {}) {
    this.#panel = panel;
    this.#place = place;
    this.#onTick = onTick;
    const timer = setInterval(() => this.show(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** An answer came; the next one is asked for after `pause` seconds. */
  good(pause = 0) {
    this.#at = performance.now();
    this.#pause = pause;
    this.#problem = "";
    this.show();
  }

  failed(message) {
    this.#problem = message;
    this.show();
  }

  show() {
    const seconds = (performance.now() - (this.#at ?? this.#from)) / 1000;
    const old = seconds > Math.max(OLD_SECONDS, this.#pause + 2);
    this.#panel.classList.toggle("old", old);
    setText(this.#place, old ? this.#words(seconds) : "");
    this.#onTick({ seconds, old, problem: this.#problem });
  }

  #words(seconds) {
    const said = this.#at === null ? `No answer for ${age(seconds)}.` : `As of ${age(seconds)} ago.`;
    return this.#problem ? `${said} ${this.#problem}` : said;
  }
}
