// How a script pays: where the gateway is, with what key, and one payment until its outcome is final.
//
// GATEWAY       base URL of the gateway (default http://127.0.0.1:8080)
// API_KEY_FILE  file with the API key (default var/api-key); or API_KEY, the key itself
import http from "k6/http";
import { sleep } from "k6";

const ATTEMPTS = 40;
// Not decided yet, not taken in, or unknown: the same key again is safe and finds out.
const RETRIED = [0, 202, 409, 429, 502, 503, 504];

export const fromHere = (path) => (path.startsWith("/") ? path : `${__ENV.PWD}/${path}`);

const key = __ENV.API_KEY || open(fromHere(__ENV.API_KEY_FILE || "var/api-key"));
const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key.trim()}` };
const base = __ENV.GATEWAY || "http://127.0.0.1:8080";
const url = `${base.replace(/\/$/, "")}/payments`;

http.setResponseCallback(http.expectedStatuses(200, 202, 400, 409, 429, 503));

// "CAPTURED", "FAILED <code>", or "HTTP <status>" for an answer that is no payment.
export function outcome(response) {
  let document;
  try {
    document = response.json();
  } catch {
    return `HTTP ${response.status}`;
  }
  if (!document || !document.payment_id) return `HTTP ${response.status} ${document.code}`;
  return document.failure ? `${document.status} ${document.failure.code}` : document.status;
}

function isFinal(response) {
  if (!RETRIED.includes(response.status)) return true;
  return response.status === 409 && String(response.body).includes("payment_id_taken");
}

// Returns the final answer, or null when none came within the attempts.
export function pay(payment) {
  const params = { headers: { ...headers, "Idempotency-Key": payment.payment_id }, redirects: 0 };
  const body = JSON.stringify(payment);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const response = http.post(url, body, params);
    if (isFinal(response)) return response;
    sleep(Math.min(0.05 * 2 ** attempt, 2));
  }
  return null;
}
