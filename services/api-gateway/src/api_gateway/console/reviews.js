/* Owns the queue of payments that wait for a person: the oldest first, with the time that is left. */
import { READ_MS } from "./api.js";
import { el, setText } from "./dom.js";
import { money } from "./money.js";
import { left } from "./time.js";
import { WaitingTable, sinceCell } from "./waiting.js";

const SECONDS = 10;
const SETTLE_MS = 500;
const PATH = "/payments?status=REVIEW&order=oldest&limit=50";
const SOON_SECONDS = 300;

export class Reviews {
  #session;
  #onOpen;
  #queue;
  #settling = 0;

  /** `onOpen(paymentId)` runs when one is chosen. */
  constructor(panel, session, { feed, onOpen }) {
    this.#session = session;
    this.#onOpen = onOpen;
    this.#queue = new WaitingTable(panel, session, {
      read: () => this.#read(),
      name: ({ payment_id: id }) => id,
      row: (payment) => this.#row(payment),
      seconds: SECONDS,
      empty: "Nothing waits for a person.",
      onTick: countDown,
    });
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
    const waiting = items.length ? `${items.length}${more ? "+" : ""} waiting` : "";
    this.#queue.show(items, waiting);
  }

  #row(payment) {
    const { payment_id: id, amount, currency, created_at: created, hold_expires_at: ends } = payment;
    const look = { type: "button", class: "row-button", title: id };
    const button = el("button", { ...look, on: { click: () => this.#onOpen(id) } }, money(amount, currency));
    return el(
      "tr",
      {},
      el("th", { scope: "row", class: "amount" }, button, el("div", { class: "second" }, reason(payment))),
      sinceCell(created),
      el("td", { class: "amount", "data-until": ends }),
    );
  }
}

/** Says how much is left until each moment that a row names. */
function countDown(body) {
  for (const cell of body.querySelectorAll("[data-until]")) {
    const seconds = (Date.parse(cell.dataset.until) - Date.now()) / 1000;
    setText(cell, left(seconds));
    cell.classList.toggle("bad-text", seconds < SOON_SECONDS);
  }
}

function reason({ risk }) {
  const reasons = [...(risk?.reasons ?? [])].sort((a, b) => b.points - a.points);
  return reasons.length ? String(reasons[0].rule).replaceAll("_", " ") : "";
}
