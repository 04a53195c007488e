/* Owns the panel of one account: balances, newest entries first, and funding for trying out. */
import { ApiError } from "./api.js";
import { el, find, setText } from "./dom.js";
import { Funding } from "./funding.js";
import { formatAmount, isZero, money } from "./money.js";
import { timeElement } from "./time.js";

const MOST_ENTRIES = 200;
const PAGE = "20";
const SETTLE_MS = 1000;

export class Accounts {
  #api;
  #signal;
  #id = "";
  #cursor = null;
  #leafed = false;
  #refresh = 0;
  #who;

  constructor(panel, session, feed) {
    this.#api = session.api;
    this.#signal = session.signal;
    this.#who = session.who;
    this.panel = panel;
    this.input = find("input[name=account]", panel);
    this.alert = find("[data-alert]", panel);
    this.settles = find("[data-settles]", panel);
    this.payee = find("[data-payee]", panel);
    this.balances = find("[data-balances]", panel);
    this.entries = find("[data-entries]", panel);
    this.older = find("[data-older]", panel);
    this.funding = new Funding(find("[data-funding]", panel), session, (id) => this.show(id));
    find("form", panel).addEventListener("submit", (event) => {
      event.preventDefault();
      this.show(this.input.value.trim());
    });
    this.older.addEventListener("click", () => this.#more());
    feed.subscribe(({ payment }) => payment && this.#touched(payment));
  }

  /** Reads the account; an unknown one is offered to be opened. */
  async show(id) {
    if (!id) return this.input.focus();
    this.input.value = id;
    this.#id = id;
    return id.includes("/") ? this.#refuse(id) : this.#read(id);
  }

  async #read(id) {
    const path = encodeURIComponent(id);
    try {
      const [balance, entries, account] = await Promise.all([
        this.#api.get(`/balance/${path}`, { signal: this.#signal }),
        this.#api.get(`/accounts/${path}/entries?limit=${PAGE}`, { signal: this.#signal }),
        this.#api.get(`/accounts/${path}`, { signal: this.#signal }),
      ]);
      if (this.#id === id) this.#draw(balance, entries, account);
    } catch (error) {
      if (this.#id === id) this.#failed(error, id);
    }
  }

  #draw(balance, entries, { payee_id: payee }) {
    setText(this.alert, "");
    this.panel.classList.add("filled");
    this.#leafed = false;
    const settles = balance.settlement_currency;
    this.balances.replaceChildren(...balance.balances.map(balanceRow));
    if (!balance.balances.length) this.balances.append(note("Nothing in it yet.", 2));
    const receives = settles ? `Receives in ${settles}.` : "Keeps what it is paid.";
    setText(this.settles, receives);
    setText(this.payee, payee ? `Others pay to it by ${payee}` : "");
    this.entries.replaceChildren(...entries.items.map(entryRow));
    if (!entries.items.length) this.entries.append(note("No entries yet.", 3));
    this.#paged(entries);
    if (this.#who.may("treasury")) this.funding.offerDeposit(balance.account_id);
    else this.funding.clear();
  }

  #failed(error, id) {
    const unknown = error instanceof ApiError && error.status === 404;
    this.#empty(unknown ? `You have no account ${id}.` : error.message);
    if (unknown && this.#who.may("pay")) this.funding.offerOpening(id);
    else this.funding.clear();
  }

  #refuse(id) {
    this.#empty(`${id} is another merchant's.`);
    this.funding.clear();
  }

  #empty(message) {
    setText(this.alert, message);
    setText(this.settles, "");
    setText(this.payee, "");
    this.panel.classList.remove("filled");
  }

  async #more() {
    const path = `/accounts/${encodeURIComponent(this.#id)}/entries`;
    const query = new URLSearchParams({ limit: PAGE, cursor: this.#cursor });
    try {
      const entries = await this.#api.get(`${path}?${query}`, { signal: this.#signal });
      this.#leafed = true;
      this.entries.append(...entries.items.map(entryRow));
      this.#paged(entries);
    } catch (error) {
      setText(this.alert, error.message);
    }
  }

  #paged({ next_cursor: cursor }) {
    this.#cursor = cursor;
    this.older.hidden = !cursor || this.entries.childElementCount >= MOST_ENTRIES;
  }

  /** A payment of the account on show: read it again, once for a burst, not while leafing back. */
  #touched({ source_account: source, destination_account: destination }) {
    if (!this.#id || (source !== this.#id && destination !== this.#id) || this.#refresh) return;
    this.#refresh = setTimeout(() => {
      this.#refresh = 0;
      if (!this.#leafed) this.#read(this.#id);
    }, SETTLE_MS);
  }
}

/** The panel is narrow: what is held stands under what is available, where there is any. */
function balanceRow({ currency, available, held, total }) {
  const part = isZero(held)
    ? ""
    : el("div", { class: "second" }, `${formatAmount(held)} held of ${formatAmount(total)}`);
  const sum = el("td", { class: "amount" }, formatAmount(available), part);
  return el("tr", {}, el("th", { scope: "row" }, currency), sum);
}

function entryRow({ kind, currency, amount, created_at: at, transfer_id: transfer }) {
  const tone = amount.startsWith("-") ? "" : "good-text";
  const sum = el("td", { class: `amount ${tone}` }, money(amount, currency));
  return el("tr", { title: transfer }, el("td", {}, kind), sum, el("td", {}, timeElement(at)));
}

function note(text, columns) {
  return el("tr", {}, el("td", { colspan: columns, class: "hint" }, text));
}
