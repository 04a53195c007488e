/* Owns the payment stream of the page: hands each event on, and knows when it last heard anything. */
import { share } from "./sharing.js";

/** The stream says something every second, even when nothing happens. */
const SILENT_SECONDS = 3;

export class Feed {
  #listeners = new Set();
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

  #receive(data) {
    const event = JSON.parse(data);
    this.#listeners.forEach((listener) => listener(event));
  }
}
