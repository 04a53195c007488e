/* Owns the pill in the header: what is known of the stream, said within seconds. */
import { setClass, setText } from "./dom.js";
import { age } from "./time.js";

const TICK_MS = 500;
const STATES = {
  connecting: () => ["Connecting", "quiet"],
  live: () => ["Live", "good"],
  silent: (seconds) => [`Silent for ${age(seconds)}`, "bad"],
  waiting: () => ["Reconnecting", "warn"],
  forbidden: () => ["No stream", "quiet"],
};

/** Follows the feed in `pill`; greys `panel` and says it in `place` while newer payments may be missing. */
export function followPulse({ pill, panel, place }, feed, signal) {
  const show = () => {
    const { state, seconds } = feed.status();
    const [text, tone] = STATES[state](seconds);
    setText(pill, text);
    setClass(pill, `chip ${tone}`);
    const lost = state === "silent" || (state === "waiting" && seconds > 2);
    panel.classList.toggle("old", lost);
    setText(place, lost ? `The stream says nothing for ${age(seconds)}: newer payments may be missing.` : "");
  };
  const timer = setInterval(show, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  show();
}
