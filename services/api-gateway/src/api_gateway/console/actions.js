/*
 * Owns what may be done to a payment in its present status by this key. Nothing is done before the
 * confirmation. Each action keeps its Idempotency-Key until its outcome is known, also when another
 * payment is shown meanwhile, so that doing it again after a lost answer does nothing twice.
 */
import { isUnknown, once, openRequests } from "./attempt.js";
import { el, setText } from "./dom.js";
import { question } from "./effects.js";
import { amountProblem, inFull, money, subtract } from "./money.js";

const REFUND = { path: "refunds", name: "Refund", role: "refund", most: refundable };
const AGAIN = "Do it again; it is never done twice.";
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
  #busy = false;
  #sending = "";

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
    const note = el("p", { class: "note", role: "alert" }, this.#open(action, payment));
    const name = input && el("label", { for: id }, `${action.name} ${payment.currency}`);
    const all = input && allButton(most, payment.currency, input);
    const parts = [name, input, all, el("button", {}, action.name), note];
    const path = pathOf(action, payment);
    const form = el("form", { class: "action", novalidate: true, "data-path": path }, ...parts);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run({ action, payment, input, note, from: event.submitter ?? form });
    });
    return form;
  }

  async #run({ action, payment, input, note, from }) {
    const { currencies, confirmation } = this.#session;
    const { currency } = payment;
    const decimals = currencies.decimals(currency);
    const body = input && { amount: inFull(input.value.trim(), decimals) };
    const wrong = input ? amountProblem(body.amount, currency, decimals) : "";
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
    const { api, who } = this.#session;
    const path = pathOf(action, payment);
    const request = `${path} ${JSON.stringify(body)}`;
    this.#sending = request;
    this.#place.setAttribute("aria-busy", "true");
    this.#place.focus();
    try {
      const { data } = await once(who.merchant, request, (key) =>
        api.post(path, body, { headers: { "Idempotency-Key": key } }),
      );
      setText(note, data.failure?.message ?? "");
      // A refund answers with itself and the payment after it, every other action with the payment.
      this.#onDone(data.payment ?? data);
    } catch (error) {
      // An event of this payment may have drawn the form anew meanwhile.
      const drawn = this.#place.querySelector(`[data-path="${path}"] .note`);
      setText(drawn ?? note, explain(error));
    } finally {
      this.#sending = "";
      this.#place.removeAttribute("aria-busy");
    }
  }

  /** What was sent for this payment before, also from another page, and has no known outcome. */
  #open(action, payment) {
    const beginning = `${pathOf(action, payment)} `;
    const all = openRequests(this.#session.who.merchant, beginning);
    const sent = all.filter((request) => request !== this.#sending);
    if (!sent.length) return "";
    const sums = sent.map((request) => bodyOf(request, beginning)?.amount).filter(Boolean);
    const of = sums.map((amount) => ` of ${money(amount, payment.currency)}`).join(" and");
    return `${action.name}${of} was sent, and no answer came. ${AGAIN}`;
  }
}

function pathOf({ path }, { payment_id: id }) {
  return `/payments/${encodeURIComponent(id)}/${path}`;
}

function bodyOf(request, beginning) {
  const text = request.slice(beginning.length);
  return text === "undefined" ? undefined : JSON.parse(text);
}

function explain(error) {
  if (isUnknown(error)) return `${error.message} ${AGAIN}`;
  return error.fields?.[0]?.message ?? error.message;
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
