/*
 * Owns what may be done to a payment in its present status by this key. Nothing is done before the
 * confirmation. Each action keeps its Idempotency-Key until its outcome is known, so that doing it
 * again after a lost answer does nothing twice.
 */
import { isUnknown, newKey } from "./attempt.js";
import { el, setText } from "./dom.js";
import { question } from "./effects.js";
import { amountProblem, money, subtract } from "./money.js";

const REFUND = { path: "refunds", name: "Refund", role: "refund", most: refundable };
const ACTIONS = {
  AUTHORIZED: [
    { path: "capture", name: "Capture", role: "pay", most: ({ amount }) => amount },
    { path: "void", name: "Void", role: "pay" },
  ],
  REVIEW: [
    { path: "approve", name: "Approve", role: "review" },
    { path: "refuse", name: "Refuse", role: "review" },
  ],
  CAPTURED: [REFUND],
  PARTIALLY_REFUNDED: [REFUND],
};

function refundable({ amount, captured_amount: captured, refunded_amount: refunded }) {
  return subtract(captured ?? amount, refunded ?? "0");
}

export class Actions {
  #place;
  #session;
  #onDone;
  #offered = "";
  #keys = new Map();
  #busy = false;

  /**
   * `session` holds api, who, currencies and confirmation; `onDone(payment)` gets the payment that
   * an action answered with.
   */
  constructor(place, session, onDone) {
    this.#place = place;
    this.#session = session;
    this.#onDone = onDone;
  }

  clear() {
    this.#offered = "";
    this.#keys.clear();
    this.#place.replaceChildren();
  }

  /** Draws the actions; the same offer again leaves what is being typed alone. */
  offer(payment) {
    const offer = `${payment.payment_id} ${payment.status} ${payment.refunded_amount}`;
    if (offer === this.#offered) return;
    this.#offered = offer;
    const actions = (ACTIONS[payment.status] ?? []).filter((action) => this.#may(action, payment));
    const focused = this.#place.contains(document.activeElement);
    this.#place.replaceChildren(...actions.map((action) => this.#form(action, payment)));
    // Never into a new form: the next press would be for another deed than the last one.
    if (focused) this.#place.focus();
  }

  /** A refund takes from the receiver, who must be this merchant's own account. */
  #may({ path, role }, { destination_account: receiver }) {
    return this.#session.who.may(role) && !(path === "refunds" && receiver.includes("/"));
  }

  #form(action, payment) {
    const most = action.most?.(payment);
    const id = `action-${action.path}`;
    const look = { class: "short", inputmode: "decimal", autocomplete: "off", placeholder: "Amount" };
    const input = most === undefined ? undefined : el("input", { id, ...look });
    const note = el("p", { class: "note", role: "alert" });
    const name = input && el("label", { for: id }, `${action.name} ${payment.currency}`);
    const all = input && allButton(most, payment.currency, input);
    const parts = [name, input, all, el("button", {}, action.name), note];
    const form = el("form", { class: "action", novalidate: true }, ...parts);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run({ action, payment, input, note, from: event.submitter ?? form });
    });
    return form;
  }

  async #run({ action, payment, input, note, from }) {
    const { currencies, confirmation } = this.#session;
    const { currency } = payment;
    const body = input && { amount: input.value.trim() };
    const wrong = input ? amountProblem(body.amount, currency, currencies.decimals(currency)) : "";
    setText(note, wrong);
    if (wrong) return input.focus();
    if (this.#busy) return;
    this.#busy = true;
    const asked = { ...question(action.path, payment, body?.amount), from };
    try {
      if ((await confirmation.ask(asked)) === "done") await this.#do(action, payment, body, note);
    } finally {
      this.#busy = false;
    }
  }

  async #do(action, payment, body, note) {
    const path = `/payments/${encodeURIComponent(payment.payment_id)}/${action.path}`;
    const request = `${path} ${JSON.stringify(body)}`;
    if (!this.#keys.has(request)) this.#keys.set(request, newKey());
    const headers = { "Idempotency-Key": this.#keys.get(request) };
    this.#place.setAttribute("aria-busy", "true");
    this.#place.focus();
    try {
      const { data } = await this.#session.api.post(path, body, { headers });
      this.#keys.delete(request);
      setText(note, data.failure?.message ?? "");
      // A refund answers with itself and the payment after it, every other action with the payment.
      this.#onDone(data.payment ?? data);
    } catch (error) {
      setText(note, this.#explain(error, request));
    } finally {
      this.#place.removeAttribute("aria-busy");
    }
  }

  #explain(error, request) {
    if (isUnknown(error)) return `${error.message} Do it again; it is never done twice.`;
    this.#keys.delete(request);
    return error.fields?.[0]?.message ?? error.message;
  }
}

/** What is left can be filled in, and never stands there by itself. */
function allButton(most, currency, input) {
  const fill = () => {
    input.value = most;
    input.focus();
  };
  const text = `All of ${money(most, currency)}`;
  return el("button", { type: "button", class: "link", on: { click: fill } }, text);
}
