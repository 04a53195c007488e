/* Owns a table of what waits: read again and again, with how much it is and since when. */
import { el, find, placeRows, setClass, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { poll } from "./poll.js";
import { age } from "./time.js";

export class WaitingTable {
  #count;
  #empty;
  #table;
  #words;
  #name;
  #row;
  #onTick;

  /**
   * `read()` runs every `seconds` and hands its items to `show`, `row(item)` draws one, and `name(item)`
   * tells which it is; `empty` is said when there are none.
   * `onTick(body)` runs twice a second, for what else counts in the rows.
   */
  constructor(panel, { signal }, { read, name, row, seconds, empty, onTick = () => {} }) {
    this.body = find("tbody", panel);
    this.#count = find("[data-count]", panel);
    this.#empty = find("[data-empty]", panel);
    this.#table = find("table", panel);
    this.#words = empty;
    this.#name = name;
    this.#row = row;
    this.#onTick = onTick;
    const freshness = new Freshness(panel, find("[data-read]", panel), signal, () => this.#tick());
    poll(read, seconds, { signal, freshness });
  }

  /** Shows items, and above them a warning; "" is none. */
  show(items, warning) {
    setText(this.#count, warning);
    setClass(this.#count, warning ? "chip warn" : "");
    this.#empty.hidden = items.length > 0;
    setText(this.#empty, this.#words);
    this.#table.hidden = !items.length;
    placeRows(this.body, items, this.#name, this.#row);
    this.#tick();
  }

  #tick() {
    for (const cell of this.body.querySelectorAll("[data-since]")) {
      setText(cell, age((Date.now() - Date.parse(cell.dataset.since)) / 1000));
    }
    this.#onTick(this.body);
  }
}

/** A cell that says how long ago a moment was; empty without one. */
export function sinceCell(moment) {
  return el("td", { class: "amount", "data-since": moment });
}
