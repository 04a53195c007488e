/* Owns repeated reading: never two at once, none while the page is hidden, rarer when slow. */

/**
 * Calls `work` every `seconds` until the signal aborts or `work` returns false.
 * A call that took long is followed by a pause of ten times its length, so that a console never
 * becomes the load it shows. Returns a function that reads at once.
 */
export function poll(work, seconds, signal) {
  let timer = 0;
  let running = false;

  async function tick() {
    clearTimeout(timer);
    if (signal.aborted || running || document.hidden) return;
    running = true;
    const started = performance.now();
    const again = await work().catch(() => true);
    running = false;
    const wait = Math.max(seconds * 1000, 10 * (performance.now() - started));
    if (again === false || signal.aborted) stop();
    else timer = setTimeout(tick, wait);
  }

  function stop() {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", tick);
  }

  signal.addEventListener("abort", stop);
  document.addEventListener("visibilitychange", tick);
  tick();
  return tick;
}
