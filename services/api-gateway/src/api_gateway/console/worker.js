/*
 * Owns the one stream of all tabs of a browser, as a shared worker: a browser opens six connections
 * to a server, and a stream for each tab would use them up. It runs while a tab is looked at.
 */
import { Api } from "./api.js";
import { follow } from "./sse.js";

const SILENT_MS = 30_000;
const streams = new Map();

class SharedStream {
  #key;
  #tabs = new Map();
  #running = null;
  #state = "waiting";

  constructor(key) {
    this.#key = key;
  }

  /** A tab is looked at: it is told where the stream stands, and all that comes. */
  join(tab) {
    const known = this.#tabs.has(tab);
    this.#tabs.set(tab, Date.now());
    if (known) return;
    if (!this.#running) return this.#start();
    send(tab, { state: this.#state });
    if (this.#state === "live") send(tab, { open: "" });
  }

  leave(tab) {
    this.#tabs.delete(tab);
    if (this.#tabs.size) return;
    this.#running?.abort();
    this.#running = null;
  }

  /** A tab that crashed says nothing any more. */
  forgetSilent() {
    for (const [tab, at] of this.#tabs) if (Date.now() - at > SILENT_MS) this.leave(tab);
  }

  #start() {
    const running = new AbortController();
    this.#running = running;
    const tell = (message) => {
      if (this.#running === running) for (const tab of this.#tabs.keys()) send(tab, message);
    };
    const api = new Api(this.#key, () => tell({ refused: true }));
    follow(api, "/payments/events", {
      signal: running.signal,
      onEvent: (event) => event.type && tell({ event }),
      onHeard: () => tell({ heard: true }),
      onOpen: (lastId) => tell({ open: lastId }),
      onState: (state) => {
        this.#state = state;
        tell({ state });
      },
    });
  }
}

/** To a port, which needs no origin: only this origin's tabs can connect. */
function send(tab, message) {
  tab.postMessage(message, []);
}

function streamOf(key) {
  if (!streams.has(key)) streams.set(key, new SharedStream(key));
  return streams.get(key);
}

self.addEventListener("connect", ({ ports: [tab] }) => {
  tab.addEventListener("message", ({ data: { join, leave } }) => {
    if (join) streamOf(join).join(tab);
    if (leave) streamOf(leave).leave(tab);
  });
  tab.start();
});

setInterval(() => {
  for (const stream of streams.values()) stream.forgetSilent();
}, SILENT_MS / 2);
