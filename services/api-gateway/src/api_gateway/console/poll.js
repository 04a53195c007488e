/* Owns repeated reading: never two at once, none while the page is hidden, rarer when slow. */

const SOONEST_MS = 1000;
const LONGEST_MS = 30_000;

/**
 * Calls `work` every `seconds` until the signal aborts, or an answer says that the key may not ask.
 * `freshness` hears of each answer and each failure. A good answer that took long is followed by a
 * pause of ten times its length, so that a console never becomes the load it shows; after a failure
 * the next look comes soon.
 */
export function poll(work, seconds, { signal, freshness }) {
  let timer = 0;
  let running = false;

  async function tick() {
    clearTimeout(timer);
    if (signal.aborted || running || document.hidden) return;
    running = true;
    const wait = await look();
    running = false;
    if (wait === null || signal.aborted) stop();
    else timer = setTimeout(tick, wait);
  }

  /** Reads once; returns the milliseconds until the next time, null for never. */
  async function look() {
    const started = performance.now();
    try {
      await work();
    } catch (error) {
      if (error.status === 403) return null;
      freshness.failed(error.message);
      return SOONEST_MS;
    }
    const slow = Math.min(10 * (performance.now() - started), LONGEST_MS);
    const wait = Math.max(seconds * 1000, slow);
    freshness.good(wait / 1000);
    return wait;
  }

  function stop() {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", tick);
  }

  signal.addEventListener("abort", stop);
  document.addEventListener("visibilitychange", tick);
  tick();
}
