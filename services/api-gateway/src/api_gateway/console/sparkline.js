/* Owns the small line: the last values of a series, scaled to its own range. */
import { svg } from "./dom.js";

const WIDTH = 100;
const HEIGHT = 24;
const MARGIN = 2;

/** A line that keeps at most `length` values; decoration, so hidden from assistive technology. */
export class Sparkline {
  #values = [];
  #length;
  #line;
  #floor;

  /** With `floor` the scale always includes that value (a count starts at 0, a rate does not). */
  constructor(length, { floor = null } = {}) {
    this.#length = length;
    this.#floor = floor;
    this.#line = svg("polyline", { class: "spark-line", points: "" });
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
    this.element = svg("svg", { class: "spark", "aria-hidden": "true", ...box }, this.#line);
  }

  push(value) {
    this.#values.push(value);
    if (this.#values.length > this.#length) this.#values.shift();
    this.#line.setAttribute("points", this.#points());
  }

  #points() {
    const bounds = this.#floor === null ? this.#values : [...this.#values, this.#floor];
    const low = Math.min(...bounds);
    const range = Math.max(...bounds) - low;
    const step = WIDTH / (this.#length - 1);
    const first = this.#length - this.#values.length;
    const y = (value) => {
      const share = range ? (value - low) / range : this.#floor === null ? 0.5 : 0;
      return (HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)).toFixed(1);
    };
    const x = (at) => ((first + at) * step).toFixed(1);
    return this.#values.map((value, at) => `${x(at)},${y(value)}`).join(" ");
  }
}
