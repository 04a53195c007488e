/* Owns the table of rates: mid, spread, source and age of each pair, and a line of its mids. */
import { READ_MS } from "./api.js";
import { el, find, setClass, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { formatRate, formatSpread } from "./money.js";
import { poll } from "./poll.js";
import { Sparkline } from "./sparkline.js";
import { age } from "./time.js";

const SECONDS = 2;
const VALUES = 60;

export class Rates {
  #api;
  #signal;
  #rows = new Map();
  #wanted = "";

  /** `onRates({stale, pairs, configuration, problem})` runs after each answer and while none comes. */
  constructor(panel, { api, signal, onRates }) {
    this.#api = api;
    this.#signal = signal;
    this.onRates = onRates;
    this.body = find("tbody", panel);
    this.sources = find("[data-sources]", panel);
    this.empty = find("[data-empty]", panel);
    const filter = find("input", panel);
    filter.addEventListener("input", () => this.#filter(filter.value));
    find("form", panel).addEventListener("submit", (event) => event.preventDefault());
    const place = find("[data-read]", panel);
    const freshness = new Freshness(panel, place, signal, (state) => this.#tick(state));
    poll(() => this.#read(), SECONDS, { signal, freshness });
  }

  async #read() {
    this.#draw(await this.#api.get("/rates", { signal: this.#signal, patience: READ_MS }));
  }

  /** Ages go on between two answers, and while none comes. */
  #tick({ seconds, old, problem }) {
    for (const row of this.#rows.values()) row.grow(seconds);
    if (old) this.onRates({ problem: `no answer for ${age(seconds)}` });
    if (old) this.#noSources();
    if (!this.#rows.size && problem) this.#say(problem);
  }

  #draw({ rates, sources = [], ...configuration }) {
    const gone = new Set(this.#rows.keys());
    for (const rate of rates) {
      const pair = `${rate.base}/${rate.quote}`;
      gone.delete(pair);
      if (!this.#rows.has(pair)) this.#add(pair);
      this.#rows.get(pair).update(rate);
    }
    for (const pair of gone) this.#remove(pair);
    this.#showSources(sources);
    this.#showEmpty();
    const stale = rates.filter((rate) => rate.stale).length;
    this.onRates({ stale, pairs: rates.length, configuration });
  }

  #add(pair) {
    const row = new RateRow(pair);
    row.element.hidden = !pair.includes(this.#wanted);
    this.#rows.set(pair, row);
    this.body.append(row.element);
  }

  #remove(pair) {
    this.#rows.get(pair).element.remove();
    this.#rows.delete(pair);
  }

  #filter(text) {
    this.#wanted = text.trim().toUpperCase().replace(/[^A-Z]+/g, "/");
    for (const [pair, { element }] of this.#rows) element.hidden = !pair.includes(this.#wanted);
    this.#showEmpty();
  }

  #showEmpty() {
    const shown = [...this.#rows.values()].some(({ element }) => !element.hidden);
    if (!shown) this.#say(this.#wanted ? "No pair matches." : "No rates yet.");
    this.empty.hidden = shown;
  }

  #say(text) {
    setText(this.empty, text);
    this.empty.hidden = false;
  }

  #noSources() {
    setText(this.sources, "How the sources are is not known.");
    setClass(this.sources, "note wrong");
  }

  #showSources(sources) {
    const broken = sources.filter(({ healthy }) => !healthy);
    const text = broken.length
      ? broken.map(({ name, error }) => `${name}: ${error || "not healthy"}`).join("; ")
      : `${sources.length} ${sources.length === 1 ? "source" : "sources"}, all healthy`;
    setText(this.sources, text);
    setClass(this.sources, broken.length ? "note wrong" : "note");
  }
}

class RateRow {
  constructor(pair) {
    this.line = new Sparkline(VALUES);
    this.mid = el("td", { class: "amount" });
    this.spread = el("td", { class: "amount wide" });
    this.source = el("td", { class: "wide source" });
    this.age = el("span");
    this.element = el(
      "tr",
      {},
      el("th", { scope: "row" }, pair),
      this.mid,
      el("td", { class: "line" }, this.line.element),
      this.spread,
      this.source,
      el("td", {}, this.age),
    );
  }

  update({ mid, spread_bps: spread, source, age_seconds: seconds, stale }) {
    this.line.push(Number(mid));
    setText(this.mid, formatRate(mid));
    this.mid.title = mid;
    setText(this.spread, formatSpread(spread));
    setText(this.source, source ?? "");
    this.source.title = source ?? "";
    this.read = { seconds, stale };
    this.grow(0);
  }

  /** Shows the age as it is `since` seconds after it was read. */
  grow(since) {
    const { seconds, stale } = this.read;
    const text = age(seconds + since);
    setText(this.age, stale ? `Stale ${text}` : text);
    setClass(this.age, stale ? "chip bad" : "age");
  }
}
