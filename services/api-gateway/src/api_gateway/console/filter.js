/* Owns the filter of the payment stream: its form, and which payments it lets through. */
import { el } from "./dom.js";
import { FILTERS, isRunning, label } from "./status.js";

const TYPING_MS = 400;

export class Filter {
  status = "";
  account = "";

  /** `onChange()` runs after a choice, or a short while after the last typed character. */
  constructor(form, onChange) {
    const { status, account } = form.elements;
    status.append(...FILTERS.map((name) => el("option", { value: name }, label(name))));
    let typing = 0;
    const apply = () => {
      clearTimeout(typing);
      if (this.#take(status.value, account.value.trim())) onChange();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      apply();
    });
    form.addEventListener("change", apply);
    account.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(apply, TYPING_MS);
    });
  }

  get active() {
    return Boolean(this.status || this.account);
  }

  matches({ status, source_account: source, destination_account: destination }) {
    const name = isRunning(status) ? "RECEIVED" : status;
    if (this.status && this.status !== name) return false;
    return !this.account || this.account === source || this.account === destination;
  }

  /** The query of `GET /payments` that lists what the filter lets through. */
  query(limit) {
    const query = new URLSearchParams({ limit });
    if (this.status) query.set("status", this.status);
    if (this.account) query.set("account", this.account);
    return query;
  }

  #take(status, account) {
    const changed = status !== this.status || account !== this.account;
    this.status = status;
    this.account = account;
    return changed;
  }
}
