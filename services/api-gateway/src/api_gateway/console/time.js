/* Owns times and ages as people read them: local wall clock, 24 hours, the exact text on hover. */
import { el, setText } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });

/** "14:03:59" today, "24 Nov 14:03:59" on another day. */
export function clock(text) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text ?? "";
  const today = new Date().toDateString() === time.toDateString();
  return today ? CLOCK.format(time) : `${DAY.format(time)} ${CLOCK.format(time)}`;
}

/** A <time> whose machine text and tooltip are exact. */
export function timeElement(text) {
  const node = el("time");
  setTime(node, text);
  return node;
}

export function setTime(node, text) {
  if (node.dateTime === text) return;
  node.dateTime = text;
  const time = new Date(text);
  node.title = Number.isNaN(time.getTime()) ? "" : FULL.format(time);
  setText(node, clock(text));
}

/** 0.4 is "now", 42 is "42 s", 4000 is "66 min", 90000 is "25 h". */
export function age(seconds) {
  if (seconds < 1) return "now";
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/** What is left of a time: 754 is "12 min", 42 is "42 s", nothing is "over". */
export function left(seconds) {
  return seconds > 0 ? age(Math.max(seconds, 1)) : "over";
}
