/*
 * Owns "a retry never pays twice": one Idempotency-Key belongs to one request until its outcome is
 * known, over failed answers, a reload of the page and another sign-in of the same merchant.
 */
import { ApiError, Unreachable } from "./api.js";

const PAYMENT = "kurs.attempt";
const REQUESTS = "kurs.requests";

/** A key that no other request has; getRandomValues also works where the page is plain http. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The payment of a merchant whose outcome was not known when the page went away, or null. */
export function unfinished(merchant) {
  return read(`${PAYMENT}.${merchant}`);
}

export function keep(merchant, attempt) {
  sessionStorage.setItem(`${PAYMENT}.${merchant}`, JSON.stringify(attempt));
}

export function forget(merchant) {
  sessionStorage.removeItem(`${PAYMENT}.${merchant}`);
}

/**
 * Sends a merchant's request by `send(key)`: under the key that it went out with before, if its
 * outcome is still not known. `request` is all of it as text; it is stored before it is sent.
 */
export async function once(merchant, request, send) {
  const again = request in open(merchant);
  if (!again) change(merchant, (all) => (all[request] = newKey()));
  const done = () => change(merchant, (all) => delete all[request]);
  try {
    const answer = await send(open(merchant)[request]);
    done();
    return answer;
  } catch (error) {
    if (!isUnknown(error, again)) done();
    throw error;
  }
}

/** The merchant's requests that begin so and whose outcome is not known. */
export function openRequests(merchant, beginning) {
  return Object.keys(open(merchant)).filter((request) => request.startsWith(beginning));
}

function open(merchant) {
  return read(`${REQUESTS}.${merchant}`) ?? {};
}

function change(merchant, work) {
  const all = open(merchant);
  work(all);
  if (Object.keys(all).length) sessionStorage.setItem(`${REQUESTS}.${merchant}`, JSON.stringify(all));
  else sessionStorage.removeItem(`${REQUESTS}.${merchant}`);
}

function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

/**
 * True when the request may have been carried out, or may still be. `again` says that it went out
 * before: then a refused key says nothing of what became of that.
 */
export function isUnknown(error, again = false) {
  if (error instanceof Unreachable || error.name === "AbortError") return true;
  if (!(error instanceof ApiError)) return false;
  if (error.status === 401 || error.status === 403) return again;
  const running = error.status === 409 && error.code.includes("progress");
  return error.status >= 500 || error.status === 429 || error.status === 408 || running;
}
