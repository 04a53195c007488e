/*
 * Owns "a retry never pays twice": one Idempotency-Key belongs to one request until its outcome is
 * known, over failed answers and over a reload of the page.
 */
import { ApiError, Unreachable } from "./api.js";

const STORED = "kurs.attempt";

/** A key that no other request has; getRandomValues also works where the page is plain http. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The payment whose outcome was not known when the page went away: {key, body, quote} or null. */
export function unfinished() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}

export function keep(attempt) {
  sessionStorage.setItem(STORED, JSON.stringify(attempt));
}

export function forget() {
  sessionStorage.removeItem(STORED);
}

/** True when the request may have been carried out, or may still be. */
export function isUnknown(error) {
  if (error instanceof Unreachable || error.name === "AbortError") return true;
  if (!(error instanceof ApiError)) return false;
  const running = error.status === 409 && error.code.includes("progress");
  return error.status >= 500 || error.status === 429 || error.status === 408 || running;
}
