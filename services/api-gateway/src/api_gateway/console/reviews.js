/* Owns the queue of payments that wait for a person: the oldest first, with the time that is left. */
import { READ_MS } from "./api.js";
import { el, find, setClass, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { money } from "./money.js";
import { poll } from "./poll.js";
import { age, left } from "./time.js";

const SECONDS = 10;
const SETTLE_MS = 500;
const PATH = "/payments?status=REVIEW&order=oldest&limit=50";
const SOON_SECONDS = 300;

export class Reviews {
  #session;
  #onOpen;
  #settling = 0;

  /** `onOpen(paymentId)` runs when one is chosen. */
  constructor(panel, session, { feed, onOpen }) {
    this.#session = session;
    this.#onOpen = onOpen;
    this.body = find("tbody", panel);
    this.count = find("[data-count]", panel);
    this.empty = find("[data-empty]", panel);
    this.table = find("table", panel);
    const { signal } = session;
    const freshness = new Freshness(panel, find("[data-read]", panel), signal, () => this.#tick());
    poll(() => this.#read(), SECONDS, { signal, freshness });
    feed.subscribe(({ from, to }) => (from === "REVIEW" || to === "REVIEW") && this.#soon());
  }

  #soon() {
    if (this.#settling) return;
    this.#settling = setTimeout(() => {
      this.#settling = 0;
      this.#read().catch(() => {});
    }, SETTLE_MS);
  }

  async #read() {
    const { api, signal } = this.#session;
    const { items, next_cursor: more } = await api.get(PATH, { signal, patience: READ_MS });
    setText(this.count, items.length ? `${items.length}${more ? "+" : ""} waiting` : "");
    setClass(this.count, items.length ? "chip warn" : "");
    this.empty.hidden = items.length > 0;
    setText(this.empty, "Nothing waits for a person.");
    this.table.hidden = !items.length;
    this.body.replaceChildren(...items.map((payment) => this.#row(payment)));
    this.#tick();
  }

  #row(payment) {
    const { payment_id: id, amount, currency, created_at: created, hold_expires_at: ends } = payment;
    const look = { type: "button", class: "row-button", title: id };
    const button = el("button", { ...look, on: { click: () => this.#onOpen(id) } }, money(amount, currency));
    return el(
      "tr",
      {},
      el("th", { scope: "row", class: "amount" }, button),
      el("td", {}, reason(payment)),
      el("td", { class: "amount", "data-since": created }),
      el("td", { class: "amount", "data-until": ends }),
    );
  }

  #tick() {
    for (const cell of this.body.querySelectorAll("[data-since]")) {
      setText(cell, age((Date.now() - Date.parse(cell.dataset.since)) / 1000));
    }
    for (const cell of this.body.querySelectorAll("[data-until]")) {
      const seconds = (Date.parse(cell.dataset.until) - Date.now()) / 1000;
      setText(cell, left(seconds));
      cell.classList.toggle("bad-text", seconds < SOON_SECONDS);
    }
  }
}

function reason({ risk }) {
  const reasons = [...(risk?.reasons ?? [])].sort((a, b) => b.points - a.points);
  return reasons.length ? String(reasons[0].rule).replaceAll("_", " ") : "";
}
