/*
 * Owns money over time: volume, success, times and spread of the last hour, day or week, as the
 * server counted them, and the same by corridor. The period stands in the address.
 */
import { READ_MS } from "./api.js";
import { chart } from "./chart.js";
import { el, find, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { formatCount, money } from "./money.js";
import { poll } from "./poll.js";
import { clock } from "./time.js";

const SECONDS = 5;
/** Each of: its title, what it is in words, how long a bar is, and what stands below. */
const KINDS = [
  {
    title: "Captured volume",
    words: (figure, currency) => money(figure.volume, currency),
    size: ({ volume }) => Number(volume),
    note: ({ captures, unpriced }) => `${formatCount(captures)} ${captures === 1 ? "capture" : "captures"}${unpriced ? `, ${formatCount(unpriced)} without a rate` : ""}`,
  },
  {
    title: "Success rate",
    words: ({ success_rate: rate }) => percent(rate),
    size: ({ success_rate: rate }) => rate,
    note: ({ outcomes, failed }) => `${formatCount(failed)} of ${formatCount(outcomes)} failed`,
  },
  {
    title: "95 of 100 within",
    words: ({ p95_seconds: seconds }) => duration(seconds),
    size: ({ p95_seconds: seconds }) => seconds,
    note: () => "from request to outcome",
  },
  {
    title: "Spread earned",
    words: (figure, currency) => money(figure.spread_earned, currency),
    size: ({ spread_earned: spread }) => Number(spread),
    note: () => "by captures, before refunds",
  },
];

export class Figures {
  #session;
  #panel;
  #shown = "";
  #chosen = "";
  #asked = 0;
  #freshness;

  constructor(panel, session) {
    this.#session = session;
    this.#panel = panel;
    const { address, signal } = session;
    this.#freshness = new Freshness(panel, find("[data-read]", panel), signal);
    for (const select of this.#selects()) {
      select.addEventListener("change", () => address.set({ [select.name]: select.selectedIndex ? select.value : "" }));
    }
    address.subscribe(() => this.#choose());
    this.#choose();
    poll(() => this.#read(), SECONDS, { signal, freshness: this.#freshness });
  }

  #selects() {
    return this.#panel.querySelectorAll("select");
  }

  /** Shows what the address says, and reads it at once if it is another than is shown. */
  #choose() {
    for (const select of this.#selects()) {
      const wanted = this.#session.address.get(select.name);
      const known = [...select.options].findIndex(({ value }) => value === wanted);
      select.selectedIndex = Math.max(known, 0);
    }
    const asked = [...this.#selects()].map(({ name, value }) => [name === "period" ? name : "of", value]);
    const before = this.#chosen;
    this.#chosen = new URLSearchParams(asked).toString();
    if (before && before !== this.#chosen) this.#read().catch((error) => this.#freshness.failed(error.message));
  }

  async #read() {
    this.#asked += 1;
    const asked = this.#asked;
    const { api, signal } = this.#session;
    const answer = await api.get(`/figures?${this.#chosen}`, { signal, patience: READ_MS });
    const told = JSON.stringify({ ...answer, as_of: "" });
    // A later question has its own answer.
    if (asked !== this.#asked || told === this.#shown) return;
    this.#shown = told;
    this.#draw(answer);
  }

  #draw(answer) {
    const { reference_currency: currency, waiting_events: waiting, corridors } = answer;
    find("[data-charts]", this.#panel).replaceChildren(...KINDS.map((kind) => tile(kind, answer)));
    setText(find("[data-currency]", this.#panel), currency);
    find("tbody", this.#panel).replaceChildren(...corridors.map((each) => row(each, currency)));
    find("details", this.#panel).hidden = corridors.length === 0;
    const late = waiting ? ` ${formatCount(waiting)} events are not counted yet.` : "";
    setText(find("[data-note]", this.#panel), `Counted every 10 s.${late}`);
  }
}

function tile({ title, words, size, note }, { period, total, spans, reference_currency: currency }) {
  const bars = spans.map((span) => ({ value: size(span), words: `${clock(span.start)}: ${words(span, currency)}` }));
  const most = bars.reduce((one, other) => ((other.value ?? 0) > (one.value ?? 0) ? other : one));
  const label = `${title} in the last ${period}, the most at ${most.words}`;
  const ends = { label, from: clock(spans[0].start).replace(/:\d\d$/, ""), to: "now" };
  return el(
    "div",
    { class: "over-time" },
    el("h3", {}, title),
    el("p", { class: "figure" }, words(total, currency)),
    el("p", { class: "hint" }, note(total)),
    ...chart(bars, ends),
  );
}

function row(figure, currency) {
  const { source_currency: source, destination_currency: bought, captured_amount: captured } = figure;
  const amount = (...children) => el("td", { class: "amount" }, ...children);
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, source ? (bought ? `${source}/${bought}` : `${source}, not known`) : "Others"),
    el("td", { class: "amount wide" }, captured === null ? "" : money(captured, source)),
    amount(money(figure.volume, currency)),
    amount(percent(figure.success_rate)),
    el("td", { class: "amount wide" }, duration(figure.p95_seconds)),
    amount(money(figure.spread_earned, currency)),
  );
}

function percent(share) {
  return share === null ? "–" : `${(100 * share).toFixed(share === 1 || share === 0 ? 0 : 1)}\u00a0%`;
}

function duration(seconds) {
  if (seconds === null) return "–";
  return seconds < 1 ? `${Math.round(1000 * seconds)}\u00a0ms` : `${seconds.toFixed(1)}\u00a0s`;
}
