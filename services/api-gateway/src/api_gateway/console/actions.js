/*
 * Owns what may be done to a payment in its present status. Each action keeps its Idempotency-Key
 * until its outcome is known, so that pressing again after a lost answer does nothing twice.
 */
import { isUnknown, newKey } from "./attempt.js";
import { el, setText } from "./dom.js";
import { amountProblem, subtract } from "./money.js";

const ACTIONS = {
  AUTHORIZED: [
    { path: "capture", name: "Capture", amount: ({ amount }) => amount },
    { path: "void", name: "Void", asks: "Really void?" },
  ],
  REVIEW: [
    { path: "approve", name: "Approve" },
    { path: "refuse", name: "Refuse", asks: "Really refuse?" },
  ],
  CAPTURED: [{ path: "refunds", name: "Refund", amount: refundable }],
  PARTIALLY_REFUNDED: [{ path: "refunds", name: "Refund", amount: refundable }],
};

function refundable({ amount, captured_amount: captured, refunded_amount: refunded }) {
  return subtract(captured ?? amount, refunded ?? "0");
}

export class Actions {
  #place;
  #api;
  #onDone;
  #offered = "";
  #keys = new Map();

  /** `onDone(payment)` gets the payment that an action answered with. */
  constructor(place, api, onDone) {
    this.#place = place;
    this.#api = api;
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
    const actions = ACTIONS[payment.status] ?? [];
    const focused = this.#place.contains(document.activeElement);
    this.#place.replaceChildren(...actions.map((action) => this.#form(action, payment)));
    if (focused) (this.#place.querySelector("input, button") ?? this.#place).focus();
  }

  #form(action, payment) {
    const most = action.amount?.(payment);
    const id = `action-${action.path}`;
    const look = { class: "short", inputmode: "decimal", autocomplete: "off" };
    const input = most === undefined ? undefined : el("input", { id, ...look, value: most });
    const button = el("button", { class: action.asks ? "" : "primary" }, action.name);
    const note = el("p", { class: "note", role: "alert" });
    const name = input && el("label", { for: id }, `${action.name} ${payment.currency}`);
    const form = el("form", { class: "action", novalidate: true }, name, input, button, note);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (action.asks && button.textContent !== action.asks) return setText(button, action.asks);
      this.#run({ action, payment, input, button, note });
    });
    return form;
  }

  async #run({ action, payment, input, button, note }) {
    const body = input && { amount: input.value.trim() };
    const wrong = input ? amountProblem(body.amount, payment.currency) : "";
    setText(note, wrong);
    if (wrong || button.getAttribute("aria-busy")) return;
    const path = `/payments/${encodeURIComponent(payment.payment_id)}/${action.path}`;
    const request = `${path} ${JSON.stringify(body)}`;
    if (!this.#keys.has(request)) this.#keys.set(request, newKey());
    const headers = { "Idempotency-Key": this.#keys.get(request) };
    button.setAttribute("aria-busy", "true");
    try {
      const { data } = await this.#api.post(path, body, { headers });
      this.#keys.delete(request);
      setText(note, data.failure?.message ?? "");
      // A refund answers with itself and the payment after it, every other action with the payment.
      this.#onDone(data.payment ?? data);
    } catch (error) {
      setText(note, this.#explain(error, request));
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  #explain(error, request) {
    if (isUnknown(error)) return `${error.message} Press again; it is never done twice.`;
    this.#keys.delete(request);
    return error.fields?.[0]?.message ?? error.message;
  }
}
