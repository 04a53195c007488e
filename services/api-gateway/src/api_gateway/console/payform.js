/* Owns the fields of the payment form: what they say as a request body, and what is wrong there. */
import { el, find, setText } from "./dom.js";
import { Fields } from "./fields.js";
import { amountProblem, inFull, isZero, money } from "./money.js";

/** Fields of a quote under the names that the payment has for them. */
const QUOTE_FIELDS = { source_amount: "amount", source_currency: "currency" };
const MOST_ACCOUNTS = 50;
const MOST_BALANCES = 3;
const USUAL = ["USD", "EUR", "IDR", "JPY", "GBP"];
const SETTLES = "what the account settles in";

export class PayForm {
  #form;
  #fields;
  #session;
  #asked = "";
  #settles = Promise.resolve(undefined);

  constructor(form, session) {
    this.#form = form;
    this.#fields = new Fields(form);
    this.#session = session;
    offerCurrencies(form.querySelectorAll("[data-currencies]"), session.currencies);
    for (const name of ["destination_account", "currency"]) {
      form.elements[name].addEventListener("change", () => this.#name());
    }
    form.elements.source_account.addEventListener("change", () => this.#holds());
    this.#name();
  }

  /** The body of the payment, or null after showing what is missing. */
  async read() {
    this.#fields.clear();
    const body = this.#body();
    const wrong = this.#problems(body);
    if (wrong.length) this.#fields.show(wrong);
    return wrong.length ? null : { ...body, ...(await this.#arrives(body)) };
  }

  /** Shows a problem document's errors; returns the messages that belong to no field here. */
  show(errors) {
    const field = (name) => QUOTE_FIELDS[name] ?? name;
    return this.#fields.show(errors.map((each) => ({ ...each, field: field(each.field) })));
  }

  reset() {
    this.#form.reset();
    this.#fields.clear();
    this.#holds();
    this.#name();
  }

  #body() {
    const { elements } = this.#form;
    const text = (name) => elements[name].value.trim();
    const body = {
      source_account: text("source_account"),
      destination_account: text("destination_account"),
      amount: inFull(text("amount"), this.#session.currencies.decimals(text("currency"))),
      currency: text("currency"),
      capture: elements.hold.checked ? "manual" : "automatic",
    };
    const description = text("description");
    return description ? { ...body, description } : body;
  }

  #problems({ amount, currency, ...body }) {
    const errors = [];
    for (const field of ["source_account", "destination_account"]) {
      if (!body[field]) errors.push({ field, message: "Enter an account id." });
    }
    const wrong = amountProblem(amount, currency, this.#session.currencies.decimals(currency));
    return wrong ? [...errors, { field: "amount", message: wrong }] : errors;
  }

  /** What was chosen, else what the account settles in; without knowing that, the server decides. */
  async #arrives({ currency }) {
    const chosen = this.#form.elements.destination_currency.value;
    if (chosen) return { destination_currency: chosen };
    await this.#name();
    const settles = await this.#settles;
    return settles === undefined ? {} : { destination_currency: settles ?? currency };
  }

  /** Names in the first choice what the destination settles in, as far as that can be known. */
  async #name() {
    const { destination_account: input, currency, destination_currency: select } = this.#form.elements;
    const id = input.value.trim();
    if (id !== this.#asked) {
      this.#asked = id;
      this.#settles = this.#ask(id);
    }
    const settles = await this.#settles;
    if (id !== this.#asked) return;
    const known = settles === null ? `${currency.value}, ${id} keeps what it is paid` : `${settles}, what ${id} settles in`;
    setText(find("option", select), settles === undefined ? SETTLES : known);
  }

  /** Says beside the payer what can be paid from there. */
  async #holds() {
    const { source_account: input } = this.#form.elements;
    const id = input.value.trim();
    const told = id ? await this.#available(id) : "";
    if (id === input.value.trim()) this.#fields.hint(input, told || undefined);
  }

  async #available(id) {
    try {
      const { balances } = await this.#session.api.get(`/balance/${encodeURIComponent(id)}`);
      const some = balances.filter(({ available }) => !isZero(available)).map(({ available, currency }) => money(available, currency));
      const rest = some.length > MOST_BALANCES ? ` and ${some.length - MOST_BALANCES} more` : "";
      return some.length ? `Has ${some.slice(0, MOST_BALANCES).join(", ")}${rest}.` : "Has nothing to pay with.";
    } catch (error) {
      return error.status === 404 ? `You have no account ${id}.` : "";
    }
  }

  /** The settlement currency of an own account, null when it has none, undefined when not known. */
  async #ask(id) {
    if (!id || id.includes("/") || id.startsWith("payee_")) return undefined;
    try {
      const account = await this.#session.api.get(`/accounts/${encodeURIComponent(id)}`);
      return account.settlement_currency ?? null;
    } catch {
      return undefined;
    }
  }
}

/** Offers the currencies that can be paid, the usual ones first; without a table only those. */
function offerCurrencies(selects, currencies) {
  const payable = currencies.payable();
  const rest = payable.filter((code) => !USUAL.includes(code));
  const usual = payable.length ? USUAL.filter((code) => payable.includes(code)) : USUAL;
  for (const select of selects) {
    const option = (code) => el("option", { value: code, title: currencies.name(code) }, code);
    select.append(...usual.map(option), ...rest.map(option));
  }
}

/** Remembers the newest account ids of the stream as suggestions; at most fifty. */
export function suggestAccounts(list, feed) {
  const known = new Set();
  feed.subscribe(({ payment }) => {
    for (const id of [payment?.source_account, payment?.destination_account]) {
      if (!id || known.has(id) || known.size >= MOST_ACCOUNTS) continue;
      known.add(id);
      list.append(el("option", { value: id }));
    }
  });
}
