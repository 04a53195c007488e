/* Owns the panel of one account: balances, newest entries first, and funding for trying out. */
import { AccountList } from "./accountlist.js";
import { ApiError } from "./api.js";
import { el, find, placeRows, setText } from "./dom.js";
import { Funding } from "./funding.js";
import { formatAmount, isZero, money } from "./money.js";
import { Statement } from "./statement.js";
import { timeElement } from "./time.js";

const MOST_ENTRIES = 200;
const PAGE = "20";
const SETTLE_MS = 1000;

export class Accounts {
  #api;
  #signal;
  #id = null;
  #cursor = null;
  #leafed = false;
  #items = [];
  #refresh = 0;
  #who;
  #address;
  #onPayment;

  constructor(panel, session, { feed, onPayment }) {
    this.#api = session.api;
    this.#signal = session.signal;
    this.#who = session.who;
    this.#address = session.address;
    this.#onPayment = onPayment;
    this.panel = panel;
    this.input = find("input[name=account]", panel);
    this.alert = find("[data-alert]", panel);
    this.settles = find("[data-settles]", panel);
    this.payee = find("[data-payee]", panel);
    this.balances = find("[data-balances]", panel);
    this.entries = find("[data-entries]", panel);
    this.older = find("[data-older]", panel);
    this.funding = new Funding(find("[data-funding]", panel), session, (id) => this.show(id));
    this.list = new AccountList(panel, session, (id) => this.show(id));
    this.statement = new Statement(find("[data-statement]", panel), session.api);
    find("form", panel).addEventListener("submit", (event) => {
      event.preventDefault();
      this.show(this.input.value.trim());
    });
    find("[data-close-account]", panel).addEventListener("click", () => this.show(""));
    this.#address.subscribe(() => this.#follow());
    this.#follow();
    this.older.addEventListener("click", () => this.#more());
    feed.subscribe(({ payment }) => payment && this.#touched(payment));
  }

  /** Shows the account; an unknown one is offered to be opened, without one there is the list. */
  show(id) {
    if (id === this.#id && id) this.#read(id);
    this.#address.set({ show: id });
  }

  #follow() {
    const id = this.#address.get("show");
    if (id === this.#id) return;
    this.#id = id;
    this.input.value = id;
    this.list.show(!id);
    if (!id) return this.#close();
    if (id.includes("/")) this.#refuse(id);
    else this.#read(id);
  }

  #close() {
    this.#empty("");
    this.funding.clear();
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
    this.statement.show(balance.account_id);
    this.#place(entries.items);
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
      this.#place([...this.#items, ...entries.items]);
      this.#paged(entries);
    } catch (error) {
      setText(this.alert, error.message);
    }
  }

  #place(items) {
    this.#items = items;
    placeRows(this.entries, items, ({ entry_id: id }) => id, (each) => entryRow(each, this.#onPayment));
    if (!items.length) this.entries.append(note("No entries yet.", 2));
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

/** What moved, with whom and for which payment, and what the account held after it. */
function entryRow({ kind, currency, amount, balance, other_party: other, payment_id: payment, ...entry }, onPayment) {
  const tone = amount.startsWith("-") ? "" : "good-text";
  const after = balance === null || balance === undefined ? "" : `${formatAmount(balance)} after`;
  const open = { type: "button", class: "link code", on: { click: () => onPayment(payment) } };
  return el(
    "tr",
    { title: entry.transfer_id },
    el(
      "td",
      { class: "cell-party" },
      el("div", {}, other ?? kind),
      payment ? el("button", open, payment) : other && el("div", { class: "second" }, kind),
      el("div", { class: "second" }, timeElement(entry.created_at)),
    ),
    el("td", { class: "amount" }, el("div", { class: tone }, money(amount, currency)), el("div", { class: "second" }, after)),
  );
}

function note(text, columns) {
  return el("tr", {}, el("td", { colspan: columns, class: "hint" }, text));
}
