/* Owns the bar chart: one bar a span of time, scaled to the largest, each with words of its own. */
import { el, setText, svg } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 64;
const GAP = 2;
/** What is more than nothing is seen. */
const LEAST = 2;

/**
 * Bars of `{value, words}`, the oldest first; a value of null is no bar. `label` says what the
 * picture shows to whoever does not see it, `from` and `to` stand under its ends.
 */
export function chart(bars, { label, from, to }) {
  const most = Math.max(...bars.map(({ value }) => value ?? 0));
  const step = WIDTH / bars.length;
  const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
  const drawn = bars.map((bar, at) => rectangle(bar, at * step, step - GAP, most));
  const picture = svg("svg", { class: "bars", role: "img", "aria-label": label, ...box }, ground(), ...drawn);
  return [picture, el("p", { class: "ends hint" }, el("span", {}, from), el("span", {}, to))];
}

function rectangle({ value, words }, x, width, most) {
  const height = value > 0 && most > 0 ? Math.max(LEAST, (value / most) * (HEIGHT - GAP)) : 0;
  const title = svg("title");
  setText(title, words);
  return svg("rect", { x, width, y: HEIGHT - height, height }, title);
}

function ground() {
  return svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 });
}
