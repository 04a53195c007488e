/* Owns the filter of the payments: its form, the address that holds it, and what it lets through. */
import { el } from "./dom.js";
import { FILTERS, isRunning, label } from "./status.js";

const TYPING_MS = 400;
/** Fields of the form under their names in the address, which are those of `GET /payments`. */
const FIELDS = [
  "status",
  "account",
  "currency",
  "amount_min",
  "amount_max",
  "created_after",
  "created_before",
  "failure_code",
  "text",
];
const MORE = FIELDS.slice(2);

export class Filter {
  #address;
  #form;
  #last = "";

  /** `onChange()` runs after a choice, or a short while after the last typed character. */
  constructor(form, { address, currencies, failures }, onChange) {
    this.#address = address;
    this.#form = form;
    const { status, currency, failure_code: failure } = form.elements;
    failure.append(...failures.map((code) => el("option", { value: code }, code.replaceAll("_", " "))));
    status.append(...FILTERS.map((name) => el("option", { value: name }, label(name))));
    currency.append(...currencies.payable().map((code) => el("option", { value: code }, code)));
    this.#listen(form);
    address.subscribe(() => {
      if (this.#read()) onChange();
    });
    this.#read();
    form.querySelector("details").open = MORE.some((name) => address.get(name));
  }

  get active() {
    return FIELDS.some((name) => this.#address.get(name));
  }

  /** Whether a payment of the stream belongs into the list, as far as that can be told here. */
  matches(payment) {
    const wanted = (name) => this.#address.get(name);
    const status = isRunning(payment.status) ? "RECEIVED" : payment.status;
    const parties = [payment.source_account, payment.destination_account];
    const has = (name, holds) => !wanted(name) || holds(wanted(name));
    return (
      has("status", (it) => it === status) &&
      has("account", (it) => parties.includes(it)) &&
      has("currency", (it) => it === payment.currency) &&
      has("amount_min", (it) => Number(payment.amount) >= Number(it)) &&
      has("amount_max", (it) => Number(payment.amount) <= Number(it)) &&
      has("created_after", (it) => Date.parse(payment.created_at) >= Date.parse(it)) &&
      has("created_before", (it) => Date.parse(payment.created_at) < Date.parse(it)) &&
      has("failure_code", (it) => it === payment.failure?.code) &&
      has("text", (it) => mentions(payment, it))
    );
  }

  /** The query of `GET /payments` and `GET /payments.csv` for what the filter lets through. */
  query(more = {}) {
    const query = new URLSearchParams(more);
    for (const name of FIELDS) if (this.#address.get(name)) query.set(name, this.#address.get(name));
    return query;
  }

  #listen(form) {
    let typing = 0;
    const apply = (replace) => {
      clearTimeout(typing);
      this.#address.set({ ...this.#typed(), page: "" }, { replace });
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      apply(false);
    });
    form.addEventListener("change", () => apply(false));
    form.addEventListener("input", ({ target }) => {
      clearTimeout(typing);
      if (target.matches("input:not([type=datetime-local])")) typing = setTimeout(apply, TYPING_MS, true);
    });
    form.addEventListener("reset", () => {
      const none = Object.fromEntries(FIELDS.map((name) => [name, ""]));
      this.#address.set({ ...none, page: "" });
    });
  }

  #typed() {
    const { elements } = this.#form;
    const typed = FIELDS.map((name) => {
      const text = elements[name].value.trim();
      return [name, name.startsWith("created") && text ? new Date(text).toISOString() : text];
    });
    const changes = Object.fromEntries(typed);
    if (changes.currency) return changes;
    // An amount is one of a currency: without one it is not asked for.
    return { ...changes, amount_min: "", amount_max: "" };
  }

  /** Takes the address into the form; true when it says something else than before. */
  #read() {
    const { elements } = this.#form;
    for (const name of FIELDS) {
      const text = this.#address.get(name);
      const shown = name.startsWith("created") ? local(text) : text;
      const amount = name.startsWith("amount");
      if (elements[name] !== document.activeElement && !(amount && !text)) elements[name].value = shown;
    }
    const now = this.query({ page: this.#address.get("page") }).toString();
    const changed = now !== this.#last;
    this.#last = now;
    return changed;
  }
}

/** A moment as a field for date and time has it: local, without a zone. */
function local(text) {
  const time = new Date(text);
  if (!text || Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function mentions({ description, metadata }, text) {
  const words = [description, ...Object.values(metadata ?? {})].join(" ").toLowerCase().split(/\s+/);
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return wanted.every((word) => words.some((each) => each.startsWith(word)));
}
