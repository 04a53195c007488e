/* Owns the panel of destinations: where events go, how that does, and how much waits there. */
import { READ_MS } from "./api.js";
import { el } from "./dom.js";
import { WaitingTable, sinceCell } from "./waiting.js";

const SECONDS = 5;
const TONES = {
  Delivering: "good",
  Retrying: "warn",
  Waiting: "warn",
  FeedUnread: "warn",
  Failing: "bad",
  Gone: "bad",
  Refused: "bad",
};

export class Destinations {
  #session;
  #options;
  #table;
  #shown = "";

  /** `onOpen(name)` runs when one is chosen, `onTold(destinations)` after each answer. */
  constructor(panel, session, options) {
    this.#session = session;
    this.#options = options;
    this.#table = new WaitingTable(panel, session, {
      read: () => this.#read(),
      name: ({ name }) => name,
      row: (each) => this.#row(each),
      seconds: SECONDS,
      empty: "Your events are sent nowhere: no destination is set.",
    });
  }

  async #read() {
    const { api, signal } = this.#session;
    const { items } = await api.get("/event-destinations", { signal, patience: READ_MS });
    this.#options.onTold(items);
    const told = JSON.stringify(items);
    if (told !== this.#shown) this.#draw(items);
    this.#shown = told;
  }

  #draw(items) {
    const broken = items.filter(({ ready, suspended }) => !ready && !suspended).length;
    this.#table.show(items, broken ? `${broken} not delivering` : "");
  }

  #row({ name, url, waiting, oldest_waiting_at: oldest, ...standing }) {
    const look = { type: "button", class: "row-button", title: url };
    const open = { click: () => this.#options.onOpen(name) };
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", { ...look, on: open }, name)),
      el("td", {}, standingChip(standing)),
      el("td", { class: "amount" }, countOf(waiting)),
      sinceCell(oldest),
    );
  }
}

/** How many events wait: one more than a thousand stands for all beyond. */
export function countOf(waiting) {
  return waiting > 1000 ? "over 1,000" : String(waiting);
}

/** How a destination does, in a word and a colour, with the sentence on hover. */
export function standingChip({ reason, message }) {
  const words = reason.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return el("span", { class: `chip ${TONES[reason] ?? "quiet"}`, title: message }, words);
}
