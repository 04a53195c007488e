/* Owns the panel of destinations: where events go, how that does, and how much waits there. */
import { READ_MS } from "./api.js";
import { el, find, setClass, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { poll } from "./poll.js";
import { age } from "./time.js";

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
  #shown = "";

  /** `onOpen(name)` runs when one is chosen, `onTold(destinations)` after each answer. */
  constructor(panel, session, options) {
    this.#session = session;
    this.#options = options;
    this.body = find("tbody", panel);
    this.count = find("[data-count]", panel);
    this.empty = find("[data-empty]", panel);
    this.table = find("table", panel);
    const { signal } = session;
    const freshness = new Freshness(panel, find("[data-read]", panel), signal, () => this.#tick());
    poll(() => this.#read(), SECONDS, { signal, freshness });
  }

  async #read() {
    const { api, signal } = this.#session;
    const { items } = await api.get("/event-destinations", { signal, patience: READ_MS });
    this.#options.onTold(items);
    const told = JSON.stringify(items);
    if (told !== this.#shown) this.#draw(items);
    this.#shown = told;
    this.#tick();
  }

  #draw(items) {
    const broken = items.filter(({ ready, suspended }) => !ready && !suspended).length;
    setText(this.count, broken ? `${broken} not delivering` : "");
    setClass(this.count, broken ? "chip warn" : "");
    this.empty.hidden = items.length > 0;
    setText(this.empty, "Your events are sent nowhere: no destination is set.");
    this.table.hidden = !items.length;
    const focused = document.activeElement?.dataset.destination;
    this.body.replaceChildren(...items.map((each) => this.#row(each)));
    if (focused) this.body.querySelector(`[data-destination="${CSS.escape(focused)}"]`)?.focus();
  }

  #row({ name, url, waiting, oldest_waiting_at: oldest, ...standing }) {
    const look = { type: "button", class: "row-button", title: url, "data-destination": name };
    const open = { click: () => this.#options.onOpen(name) };
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", { ...look, on: open }, name)),
      el("td", {}, standingChip(standing)),
      el("td", { class: "amount" }, String(waiting)),
      el("td", { class: "amount", "data-since": oldest }),
    );
  }

  #tick() {
    for (const cell of this.body.querySelectorAll("[data-since]")) {
      setText(cell, age((Date.now() - Date.parse(cell.dataset.since)) / 1000));
    }
  }
}

/** How a destination does, in a word and a colour, with the sentence on hover. */
export function standingChip({ reason, message }) {
  const words = reason.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return el("span", { class: `chip ${TONES[reason] ?? "quiet"}`, title: message }, words);
}
