/* Owns the health of the ledger: over all postings, every currency must sum to zero. */
import { el, find, setClass, setText } from "./dom.js";
import { formatAmount, formatCount, isZero } from "./money.js";
import { poll } from "./poll.js";

const SECONDS = 5;

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
    poll(() => this.#read(), SECONDS, signal);
  }

  async #read() {
    try {
      const path = "/ledger/trial-balance";
      const { currencies } = await this.#api.get(path, { signal: this.#signal });
      this.#draw(currencies);
      return true;
    } catch (error) {
      const forbidden = error.status === 403;
      this.#say("Not known", forbidden ? "this key may not read it" : error.message, "quiet");
      return !forbidden;
    }
  }

  #draw(currencies) {
    const wrong = currencies.filter(({ sum }) => !isZero(sum)).map(({ currency }) => currency);
    if (wrong.length) this.#say("Out of balance", wrong.join(", "), "bad");
    else if (!currencies.length) this.#say("Empty", "no postings yet", "quiet");
    else this.#say("Balanced", `${counted(currencies.length)} to zero`, "good");
    this.body.replaceChildren(...currencies.map(row));
  }

  #say(verdict, why, tone) {
    setText(this.value, verdict);
    setClass(this.value, `figure ${tone}-text`);
    setText(this.note, why);
    setText(this.verdict, `${verdict}: ${why}`);
    setClass(this.verdict, `chip ${tone}`);
  }
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
