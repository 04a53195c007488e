/*
 * Owns this tab's part in the stream that all tabs share: it takes part while it is looked at. A
 * browser without shared workers has a stream for this tab alone.
 */
import { follow } from "./sse.js";

const HERE_MS = 10_000;
const PATH = "/payments/events";

/**
 * Calls `listeners` (onEvent, onHeard, onState, onOpen, onRefused) until the signal aborts.
 * `onOpen(lastId)` has no id when the stream begins anew: what was before has to be read.
 */
export function share(key, api, signal, listeners) {
  const begin = window.SharedWorker ? shared : alone;
  const join = begin(key, api, listeners);
  let leave = null;
  const away = () => {
    leave?.();
    leave = null;
  };
  const look = () => {
    if (document.hidden || signal.aborted) return away();
    if (leave) return;
    listeners.onState("connecting");
    listeners.onHeard();
    leave = join();
  };
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", away);
  window.addEventListener("pageshow", look);
  signal.addEventListener("abort", look);
  look();
}

function alone(_, api, listeners) {
  return () => {
    const running = new AbortController();
    follow(api, PATH, { ...listeners, signal: running.signal });
    return () => running.abort();
  };
}

function shared(key, api, listeners) {
  const worker = new SharedWorker(address(), { type: "module", name: "kurs" });
  const { port } = worker;
  let begin = () => {
    port.postMessage({ join: key });
    const timer = setInterval(() => port.postMessage({ join: key }), HERE_MS);
    return () => {
      clearInterval(timer);
      port.postMessage({ leave: key });
    };
  };
  let end = null;
  port.addEventListener("message", ({ data }) => receive(data, listeners));
  port.start();
  // It cannot run here (a browser that knows no modules in workers): a stream for this tab alone.
  worker.addEventListener("error", () => {
    const joined = end !== null;
    end?.();
    begin = alone(key, api, listeners);
    end = joined ? begin() : null;
  });
  return () => {
    end = begin();
    return () => {
      end?.();
      end = null;
    };
  };
}

/** The worker's script, also under a policy that lets no plain text name a script. */
function address() {
  const script = "/console/worker.js";
  const policy = window.trustedTypes?.createPolicy("kurs-worker", { createScriptURL: () => script });
  return policy?.createScriptURL(script) ?? script;
}

function receive({ event, state, open, heard, refused }, listeners) {
  listeners.onHeard();
  if (heard) return;
  if (refused) listeners.onRefused();
  else if (state) listeners.onState(state);
  else if (event) listeners.onEvent(event);
  else listeners.onOpen(open);
}
