/*
 * Owns the payment stream of the page: hands each event to its parts, and knows when it last heard
 * anything. It also remembers the moves of the newest payments.
 */
import { share } from "./sharing.js";

const REMEMBERED = 500;
/** The stream says something every second, even when nothing happens. */
const SILENT_SECONDS = 3;

export class Feed {
  #listeners = new Set();
  #moves = new Map();
  #state = "connecting";
  #heard = performance.now();

  /** `listener` gets {payment_id, from, to, cause, actor, at, payment} for each event. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs until the signal aborts; `onOpen()` runs when what was before has to be read. */
  start(key, { api, signal, onOpen, onRefused }) {
    share(key, api, signal, {
      onEvent: ({ type, data }) => type === "payment" && this.#receive(data),
      onHeard: () => {
        this.#heard = performance.now();
      },
      onState: (state) => {
        this.#state = state;
      },
      onOpen: (lastId) => lastId || onOpen(),
      onRefused,
    });
  }

  /** {state, seconds}: connecting | live | silent | waiting | forbidden, and since when it was heard. */
  status() {
    const seconds = (performance.now() - this.#heard) / 1000;
    const silent = this.#state === "live" && seconds > SILENT_SECONDS;
    return { state: silent ? "silent" : this.#state, seconds };
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
