/* Owns the table of rates: mid, spread, source and age of each pair, and a line of its mids. */
import { el, find, setClass, setText } from "./dom.js";
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

  /** `onRates({currencies, stale, pairs, configuration, problem})` runs after each reading. */
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
    poll(() => this.#read(), SECONDS, signal);
  }

  async #read() {
    try {
      const answer = await this.#api.get("/rates", { signal: this.#signal });
      this.#draw(answer);
    } catch (error) {
      this.onRates({ problem: error.message });
      if (!this.#rows.size) this.#say(error.message);
      return error.status !== 403;
    }
    return true;
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
    const currencies = [...new Set(rates.flatMap(({ base, quote }) => [base, quote]))].sort();
    const stale = rates.filter((rate) => rate.stale).length;
    this.onRates({ currencies, stale, pairs: rates.length, configuration });
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
    setText(this.age, stale ? `Stale ${age(seconds)}` : age(seconds));
    setClass(this.age, stale ? "chip bad" : "age");
  }
}
