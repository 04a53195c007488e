/*
 * Owns the live stream: server-sent events read through fetch, because EventSource cannot send
 * the Authorization header. It reconnects with Last-Event-ID, so that no event is missed.
 */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const SILENCE_MS = 15_000;
const LONGEST_EVENT = 1 << 20;

/** Feeds text in any pieces; calls back with {id, type, data} for each whole event or bare id. */
export function createParser(onEvent) {
  let rest = "";
  let event = { id: "", type: "", data: [] };

  function line(text) {
    if (text === "") {
      // An id alone says where the stream begins: whoever reconnects resumes from there.
      if (event.data.length || event.id) onEvent({ ...event, data: event.data.join("\n") });
      event = { id: "", type: "", data: [] };
      return;
    }
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "id") event.id = value;
    else if (field === "event") event.type = value;
    else if (field === "data") event.data.push(value);
  }

  return (text) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop();
    if (rest.length > LONGEST_EVENT) throw new Error("an event without an end");
    lines.forEach(line);
  };
}

/**
 * Follows `path` until the signal aborts.
 * `onState` hears "live" and "waiting"; `onOpen` runs at each (re)connection with the last id, and
 * `onHeard` whenever anything came.
 */
export async function follow(api, path, { signal, onEvent, onHeard, onState, onOpen }) {
  let lastId = "";
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const response = await connect(api, path, lastId, signal);
      onState("live");
      onOpen(lastId);
      await read(response, signal, onHeard, (event) => {
        wait = FIRST_WAIT_MS;
        lastId = event.id || lastId;
        // The server knows no such place (it was restored from a backup): what was seen is not its.
        if (event.type === "reset") onOpen("");
        onEvent(event);
      });
    } catch (error) {
      if (signal.aborted || error.status === 401) return;
      if (error.status === 403) return onState("forbidden");
    }
    onState("waiting");
    await pause(wait * (0.5 + Math.random() / 2), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

async function connect(api, path, lastId, signal) {
  const headers = { Accept: "text/event-stream" };
  if (lastId) headers["Last-Event-ID"] = lastId;
  const silence = new AbortController();
  const watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
  const both = AbortSignal.any([signal, silence.signal]);
  const response = await api.open("GET", path, { headers, signal: both });
  clearTimeout(watchdog);
  if (response.ok) return response;
  throw api.problem(response, await response.json().catch(() => ({})));
}

async function read(response, signal, onHeard, onEvent) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = createParser(onEvent);
  // A connection that died without a word is found by its silence.
  let watchdog = setTimeout(() => reader.cancel(), SILENCE_MS);
  const stop = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => reader.cancel(), SILENCE_MS);
      onHeard();
      parse(value);
    }
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", stop);
    stop();
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
