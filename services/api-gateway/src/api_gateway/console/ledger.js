/* Owns the health of the ledger: over all postings, every currency must sum to zero. */
import { el, find, setClass, setText } from "./dom.js";
import { READ_MS } from "./api.js";
import { Freshness } from "./freshness.js";
import { formatAmount, formatCount, isZero } from "./money.js";
import { poll } from "./poll.js";
import { age } from "./time.js";

const SECONDS = 2;

export class Ledger {
  #api;
  #signal;

  /** `tile` shows the verdict in one word, `panel` each currency. */
  constructor(panel, { api, signal, tile }) {
    this.#api = api;
    this.#signal = signal;
    this.body = find("tbody", panel);
    this.verdict = find("[data-verdict]", panel);
    this.value = find("[data-value]", tile);
    this.note = find("[data-note]", tile);
    const place = find("[data-read]", panel);
    const freshness = new Freshness(panel, place, signal, (state) => this.#tick(state));
    poll(() => this.#read(), SECONDS, { signal, freshness });
  }

  async #read() {
    const path = "/ledger/trial-balance";
    const { currencies } = await this.#api.get(path, { signal: this.#signal, patience: READ_MS });
    this.#draw(currencies);
  }

  #tick({ seconds, old }) {
    if (old) this.#say("Not known", `no answer for ${age(seconds)}`, "quiet");
  }

  #draw(currencies) {
    const wrong = currencies.filter(({ sum }) => !isZero(sum)).map(({ currency }) => currency);
    this.#say(...verdict(currencies, wrong));
    this.body.replaceChildren(...currencies.map(row));
  }

  #say(word, why, tone) {
    setText(this.value, word);
    setClass(this.value, `figure ${tone}-text`);
    setText(this.note, why);
    setText(this.verdict, `${word}: ${why}`);
    setClass(this.verdict, `chip ${tone}`);
  }
}

/** [word, why, tone] */
function verdict(currencies, wrong) {
  if (wrong.length) return ["Out of balance", wrong.join(", "), "bad"];
  if (!currencies.length) return ["Empty", "no postings yet", "quiet"];
  return ["Balanced", `${counted(currencies.length)} to zero`, "good"];
}

function counted(count) {
  return count === 1 ? "1 currency sums" : `${count} currencies sum`;
}

function row({ currency, sum, accounts, postings }) {
  const zero = isZero(sum);
  const mark = el("span", { class: `chip ${zero ? "good" : "bad"}` }, zero ? "Balanced" : "Off");
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, currency),
    el("td", { class: "amount" }, formatAmount(sum)),
    el("td", { class: "amount wide" }, formatCount(accounts)),
    el("td", { class: "amount" }, formatCount(postings)),
    el("td", {}, mark),
  );
}
