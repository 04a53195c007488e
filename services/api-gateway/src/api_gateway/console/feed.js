/*
 * Owns the one subscription to the payment stream and hands each event to the parts of the page.
 * It also remembers the moves of the newest payments, which is what a payment's history shows.
 */
import { follow } from "./sse.js";

const REMEMBERED = 500;

export class Feed {
  #listeners = new Set();
  #moves = new Map();

  /** `listener` gets {payment_id, from, to, cause, actor, at, payment} for each event. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs until the signal aborts; `onState` hears live | waiting | forbidden. */
  start(api, { signal, onState, onOpen }) {
    const onEvent = ({ type, data }) => type === "payment" && this.#receive(data);
    return follow(api, "/payments/events", { signal, onEvent, onState, onOpen });
  }

  /** The moves seen of one payment since the page was opened, oldest first. */
  moves(paymentId) {
    return this.#moves.get(paymentId) ?? [];
  }

  #receive(data) {
    const event = JSON.parse(data);
    this.#remember(event);
    this.#listeners.forEach((listener) => listener(event));
  }

  #remember({ sequence, payment_id, from, to, cause, actor, at }) {
    const moves = this.#moves.get(payment_id) ?? [];
    moves.push({ sequence, from, to, cause, actor, at });
    this.#moves.delete(payment_id);
    this.#moves.set(payment_id, moves);
    if (this.#moves.size > REMEMBERED) this.#moves.delete(this.#moves.keys().next().value);
  }
}
