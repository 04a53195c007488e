/*
 * Owns the table of the newest payments: at most 200 rows, filled four times a second at most,
 * and standing still while somebody reads in it.
 */
import { find, setText } from "./dom.js";
import { download } from "./download.js";
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
  #address;
  #next = "";
  #loading = false;

  /** `onOpen(paymentId)` runs when a row is chosen. */
  constructor(panel, session, { feed, onOpen }) {
    this.#api = session.api;
    this.#signal = session.signal;
    this.#address = session.address;
    this.#onOpen = onOpen;
    this.body = find("tbody", panel);
    this.empty = find("[data-empty]", panel);
    this.held = find("[data-held]", panel);
    this.region = find("[data-region]", panel);
    this.older = find("[data-older]", panel);
    this.newest = find("[data-newest]", panel);
    this.older.addEventListener("click", () => this.#address.set({ page: this.#next }));
    this.newest.addEventListener("click", () => this.#address.set({ page: "" }));
    this.#filter = new Filter(find("form", panel), session, () => this.#restart());
    const exporting = find("[data-export]", panel);
    exporting.addEventListener("click", () => this.#export(exporting, find("[data-progress]", panel)));
    const pause = find("[data-pause]", panel);
    this.#reading = new Reading({ body: this.body, region: this.region, pause }, () => this.#draw());
    feed.subscribe(({ payment }) => payment && this.#receive(payment));
  }

  /**
   * Reads the page of payments that the address names, the newest by itself; the stream brings
   * everything after them to that one alone.
   */
  async load() {
    const load = ++this.#loads;
    const cursor = this.#address.get("page");
    const query = this.#filter.query({ limit: FIRST_ROWS, ...(cursor && { cursor }) });
    try {
      const { items, next_cursor: next } = await this.#api.get(`/payments?${query}`, { signal: this.#signal });
      if (load !== this.#loads) return;
      this.#next = next ?? "";
      this.older.hidden = !next;
      this.newest.hidden = !cursor;
      this.#loading = true;
      items.forEach((payment) => this.#receive(payment));
      this.#loading = false;
      this.#showEmpty("No payments yet. Make the first one with the form.");
    } catch (error) {
      if (load === this.#loads) this.#showEmpty(error.message);
    }
  }

  async #export(button, place) {
    button.disabled = true;
    try {
      const name = `payments-${new Date().toISOString().slice(0, 10)}.csv`;
      await download(this.#api, `/payments.csv?${this.#filter.query()}`, name, place);
    } catch (error) {
      setText(place, error.message);
    } finally {
      button.disabled = false;
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
    if (!known && !this.#loading && (this.#address.get("page") || !this.#filter.matches(payment))) return;
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
    if (row && !this.#filter.matches(payment)) this.#drop(payment.payment_id);
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
