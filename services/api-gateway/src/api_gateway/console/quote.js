/* Owns the showing of a quote: its terms, and the time that is left of it. */
import { definitions, el, setText } from "./dom.js";
import { formatRate, formatSpread, rateWords } from "./money.js";
import { timeElement } from "./time.js";

/** The rate, mid, spread and source of a quote for a payment. */
export function quoteTerms({ currency, destination_currency: other }, quote) {
  return definitions([
    ["Rate", el("span", { title: quote.rate }, rateWords(quote.rate, currency, other))],
    ["Mid", el("span", { title: quote.mid }, formatRate(quote.mid))],
    ["Spread", formatSpread(quote.spread_bps)],
    ["Source", el("span", {}, `${quote.source}, `, timeElement(quote.as_of))],
  ]);
}

/**
 * Counts down to the quote's end on `clock` and then calls `onExpired` once; returns a stop.
 * `expires_at` is the server's time, `skew` is that clock minus ours in milliseconds.
 */
export function countdown(clock, quote, skew, onExpired) {
  const end = Date.parse(quote.expires_at) - skew;
  const whole = Math.max(end - Date.now(), 1);
  const text = el("span", { class: "hint" });
  const bar = el("progress", { max: whole, "aria-hidden": "true" });
  clock.replaceChildren(bar, text);

  function tick() {
    const left = Math.max(end - Date.now(), 0);
    bar.value = left;
    const seconds = Math.ceil(left / 1000);
    setText(text, left ? `This rate holds for ${seconds} s` : "This quote has expired");
    if (left) return;
    clearInterval(timer);
    onExpired();
  }

  const timer = setInterval(tick, 250);
  tick();
  return () => clearInterval(timer);
}
