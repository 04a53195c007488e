/* Owns the fields of the payment form: what they say as a request body, and what is wrong there. */
import { el } from "./dom.js";
import { Fields } from "./fields.js";
import { amountProblem } from "./money.js";

/** Fields of a quote under the names that the payment has for them. */
const QUOTE_FIELDS = { source_amount: "amount", source_currency: "currency" };
const MOST_ACCOUNTS = 50;

export class PayForm {
  #form;
  #fields;

  constructor(form) {
    this.#form = form;
    this.#fields = new Fields(form);
  }

  /** The body of the payment, or null after showing what is missing. */
  read() {
    this.#fields.clear();
    const body = this.#body();
    const wrong = problems(body);
    if (!wrong.length) return body;
    this.#fields.show(wrong);
    return null;
  }

  /** Shows a problem document's errors; returns the messages that belong to no field here. */
  show(errors) {
    const field = (name) => QUOTE_FIELDS[name] ?? name;
    return this.#fields.show(errors.map((each) => ({ ...each, field: field(each.field) })));
  }

  #body() {
    const { elements } = this.#form;
    const text = (name) => elements[name].value.trim();
    const body = {
      source_account: text("source_account"),
      destination_account: text("destination_account"),
      amount: text("amount"),
      currency: text("currency"),
      destination_currency: text("destination_currency") || text("currency"),
      capture: elements.hold.checked ? "manual" : "automatic",
    };
    const description = text("description");
    return description ? { ...body, description } : body;
  }
}

function problems(body) {
  const errors = [];
  for (const field of ["source_account", "destination_account"]) {
    if (!body[field]) errors.push({ field, message: "Enter an account id." });
  }
  const wrong = amountProblem(body.amount, body.currency);
  return wrong ? [...errors, { field: "amount", message: wrong }] : errors;
}

/** Offers the currencies that have rates in a form's currency selects, keeping what is chosen. */
export function offerCurrencies(selects, currencies) {
  for (const select of selects) {
    const known = new Set([...select.options].map((option) => option.value));
    const fresh = currencies.filter((code) => !known.has(code));
    select.append(...fresh.map((code) => el("option", { value: code }, code)));
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
