/*
 * Owns the table of the newest payments: at most 200 rows, filled four times a second at most,
 * and standing still while somebody reads in it.
 */
import { find, setText } from "./dom.js";
import { Filter } from "./filter.js";
import { Reading } from "./reading.js";
import { Row } from "./rows.js";

const MOST_ROWS = 200;
const FIRST_ROWS = 50;
const DRAW_MS = 250;

export class Stream {
  #api;
  #signal;
  #onOpen;
  #filter;
  #reading;
  #rows = new Map();
  #waiting = new Map();
  #drawing = 0;
  #loads = 0;
  #filled = false;

  /** `onOpen(paymentId)` runs when a row is chosen. */
  constructor(panel, { api, feed, signal, onOpen }) {
    this.#api = api;
    this.#signal = signal;
    this.#onOpen = onOpen;
    this.body = find("tbody", panel);
    this.empty = find("[data-empty]", panel);
    this.held = find("[data-held]", panel);
    this.region = find("[data-region]", panel);
    this.#filter = new Filter(find("form", panel), () => this.#restart());
    const pause = find("[data-pause]", panel);
    this.#reading = new Reading({ body: this.body, region: this.region, pause }, () => this.#draw());
    feed.subscribe(({ payment }) => payment && this.#receive(payment));
  }

  /** Reads the newest payments that match the filter; the stream brings everything after them. */
  async load() {
    const load = ++this.#loads;
    const path = `/payments?${this.#filter.query(FIRST_ROWS)}`;
    try {
      const { items } = await this.#api.get(path, { signal: this.#signal });
      if (load !== this.#loads) return;
      items.forEach((payment) => this.#receive(payment));
      this.#showEmpty("No payments yet. Make the first one with the form.");
    } catch (error) {
      if (load === this.#loads) this.#showEmpty(error.message);
    }
  }

  #restart() {
    this.#filled = false;
    this.#waiting.clear();
    [...this.#rows.keys()].forEach((id) => this.#drop(id));
    this.region.scrollTop = 0;
    this.load();
  }

  #receive(payment) {
    const id = payment.payment_id;
    const known = this.#waiting.get(id) ?? this.#rows.get(id)?.payment;
    if (known && known.updated_at > payment.updated_at) return;
    if (!known && !this.#filter.matches(payment)) return;
    this.#waiting.delete(id);
    this.#waiting.set(id, payment);
    if (this.#waiting.size > MOST_ROWS) this.#waiting.delete(this.#waiting.keys().next().value);
    if (!this.#drawing) this.#drawing = setTimeout(() => this.#draw(), DRAW_MS);
  }

  #draw() {
    this.#drawing = 0;
    this.#showHeld();
    if (this.#reading.why) return;
    for (const payment of this.#waiting.values()) this.#place(payment);
    this.#filled = true;
    this.#waiting.clear();
    this.#order();
    this.empty.hidden ||= this.#rows.size > 0;
  }

  #place(payment) {
    const row = this.#rows.get(payment.payment_id);
    if (!this.#filter.matches(payment)) this.#drop(payment.payment_id);
    else if (row) row.update(payment);
    else this.#rows.set(payment.payment_id, new Row(payment, this.#onOpen, this.#filled));
  }

  #order() {
    const newest = [...this.#rows.values()].sort((a, b) => later(a.payment, b.payment));
    for (const row of newest.splice(MOST_ROWS)) this.#drop(row.payment.payment_id);
    let next = this.body.firstElementChild;
    for (const { element } of newest) {
      if (element === next) next = next.nextElementSibling;
      else this.body.insertBefore(element, next);
    }
  }

  #drop(paymentId) {
    this.#rows.get(paymentId)?.element.remove();
    this.#rows.delete(paymentId);
  }

  #showEmpty(text) {
    setText(this.empty, this.#filter.active ? "No payment matches." : text);
    this.empty.hidden = this.#rows.size + this.#waiting.size > 0;
  }

  #showHeld() {
    const { why } = this.#reading;
    const count = this.#waiting.size < MOST_ROWS ? this.#waiting.size : `${MOST_ROWS}+`;
    setText(this.held, why ? `${why} · ${count} new` : "");
  }
}

/** Sorts the latest change first; payments of one moment by their ids. */
function later(one, other) {
  const [a, b] = [one, other].map(({ updated_at: at, payment_id: id }) => `${at} ${id}`);
  return a < b ? 1 : a > b ? -1 : 0;
}
