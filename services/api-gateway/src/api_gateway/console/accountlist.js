/* Owns the list of the merchant's accounts by name, with their balances. */
import { el, find, setText } from "./dom.js";
import { money } from "./money.js";

const PAGE = "20";

export class AccountList {
  #session;
  #onShow;
  #cursor = null;
  #asked = 0;
  #shown = false;

  /** `onShow(accountId)` runs when one is chosen. */
  constructor(panel, session, onShow) {
    this.#session = session;
    this.#onShow = onShow;
    this.place = find("[data-list]", panel);
    this.body = find("tbody", this.place);
    this.note = find("[data-note]", this.place);
    this.more = find("[data-more]", this.place);
    this.input = find("input[name=account]", panel);
    this.more.addEventListener("click", () => this.#read(this.#cursor));
    this.input.addEventListener("input", () => this.#shown && this.#read(null));
  }

  /** Shows the list and reads it anew, or hides it. */
  show(on) {
    this.#shown = on;
    this.place.hidden = !on;
    if (on) this.#read(null);
  }

  async #read(cursor) {
    const asked = ++this.#asked;
    const prefix = this.input.value.trim();
    const query = new URLSearchParams({ limit: PAGE, ...(prefix && { prefix }), ...(cursor && { cursor }) });
    const { api, signal } = this.#session;
    try {
      const { items, next_cursor: next } = await api.get(`/accounts?${query}`, { signal });
      if (asked !== this.#asked) return;
      if (!cursor) this.body.replaceChildren();
      this.body.append(...items.map((account) => this.#row(account)));
      this.#cursor = next;
      this.more.hidden = !next;
      const none = prefix ? `None of your accounts begins with ${prefix}.` : "You have no accounts yet.";
      setText(this.note, this.body.childElementCount ? "" : none);
    } catch (error) {
      if (asked === this.#asked) setText(this.note, error.message);
    }
  }

  #row({ account_id: id, balances }) {
    const open = { type: "button", class: "row-button", on: { click: () => this.#onShow(id) } };
    const sums = balances.map(({ available, currency }) => el("div", {}, money(available, currency)));
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", open, id)),
      el("td", { class: "amount" }, ...sums),
    );
  }
}
