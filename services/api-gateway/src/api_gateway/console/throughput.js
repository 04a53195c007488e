/* Owns the figures of the last minute: payments decided per second, and how they ended. */
import { find, setText } from "./dom.js";
import { formatCount } from "./money.js";
import { Sparkline } from "./sparkline.js";
import { isRunning } from "./status.js";

const SECONDS = 60;
const ANNOUNCE_SECONDS = 10;
/** Above the age of a new event, by two clocks of which nobody knows how far they are apart. */
const LATE_MS = 5000;

export class Throughput {
  #feed;
  #second = empty();
  #minute = [];
  /** The least that an event was ever late by: negative, since the two clocks begin elsewhere. */
  #usual = Infinity;
  #line = new Sparkline(SECONDS, { floor: 0 });

  constructor({ rate, ended, announce, feed, signal }) {
    this.rate = find("[data-value]", rate);
    this.ended = find("[data-value]", ended);
    this.note = find("[data-note]", ended);
    this.span = find("[data-span]", ended);
    this.announce = announce;
    this.#feed = feed;
    find("[data-spark]", rate).replaceChildren(this.#line.element);
    feed.subscribe((event) => this.#count(event));
    const timer = setInterval(() => this.#tick(), 1000);
    signal.addEventListener("abort", () => clearInterval(timer));
    // Nothing is heard while the page is hidden, so that it is counted anew from when it is not.
    document.addEventListener("visibilitychange", () => this.#forget(), { signal });
  }

  #forget() {
    this.#minute = [];
    this.#second = empty();
  }

  /** What was missed comes at once, and is no payment of this second. By a clock that nobody sets. */
  #isLate(at) {
    const late = performance.now() - Date.parse(at);
    this.#usual = Math.min(this.#usual, late);
    return late > this.#usual + LATE_MS;
  }

  /** A payment counts once, when it leaves the state that every payment begins in. */
  #count({ from, to, at }) {
    if (isRunning(to) || (from && !isRunning(from)) || this.#isLate(at)) return;
    this.#second.all += 1;
    if (to === "FAILED") this.#second.failed += 1;
    if (to === "REVIEW") this.#second.review += 1;
  }

  #tick() {
    this.#line.push(this.#second.all);
    const live = this.#feed.status().state === "live";
    setText(this.rate, live ? formatCount(this.#second.all) : "…");
    this.#minute.push(this.#second);
    if (this.#minute.length > SECONDS) this.#minute.shift();
    this.#second = empty();
    if (live) this.#showMinute(total(this.#minute));
    else setText(this.note, "the stream says nothing");
    this.#sinceSpoken = (this.#sinceSpoken + 1) % ANNOUNCE_SECONDS;
    if (this.#sinceSpoken === 0) this.#speak(total(this.#minute.slice(-ANNOUNCE_SECONDS)));
  }

  #sinceSpoken = 0;

  #showMinute({ all, failed, review }) {
    const seconds = this.#minute.length;
    setText(this.span, seconds < SECONDS ? `In the last ${seconds} s` : "In the last minute");
    setText(this.ended, formatCount(all));
    const rest = review ? `, ${formatCount(review)} to review` : "";
    setText(this.note, all ? `${formatCount(failed)} failed${rest}` : "none so far");
  }

  #speak({ all, failed, review }) {
    if (!all) return;
    const parts = [`${all} payments in the last ${ANNOUNCE_SECONDS} seconds`, `${failed} failed`];
    if (review) parts.push(`${review} to review`);
    setText(this.announce, `${parts.join(", ")}.`);
  }
}

function empty() {
  return { all: 0, failed: 0, review: 0 };
}

function total(seconds) {
  const sum = empty();
  for (const second of seconds) for (const name of Object.keys(sum)) sum[name] += second[name];
  return sum;
}
