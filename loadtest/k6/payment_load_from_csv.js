// Sends the payments of a CSV file and fails when one of them ends otherwise than its row demands.
//
//   python -m loadtest.replay tests/data/dummy_transactions.csv --prepare-only
//   k6 run -e CSV_PATH=tests/data/dummy_transactions.csv loadtest/k6/payment_load_from_csv.js
//
// CSV_PATH      the file, from the current folder (written by dummygen, or one like it)
// GATEWAY       base URL of the gateway (default http://127.0.0.1:8080)
// PAYMENTS      base URL of the payments service, to go past the gateway, as merchant MERCHANT
// MERCHANT      only with PAYMENTS (default demo)
// API_KEY_FILE  file with the API key (default var/api-key); or API_KEY, the key itself
// VUS           payments at a time (default 32)
// DURATION      go round the file for this long, e.g. 30s; without it each row is paid once
// RUN           prefix of the payment ids, so that a file can be paid again as new payments
// SUMMARY_PATH  also write the figures there, as JSON
//
// The accounts are funded for one run over the file; with DURATION or RUN, fund them for more:
// --prepare-only --times 1000.
import http from "k6/http";
import exec from "k6/execution";
import { SharedArray } from "k6/data";
import { Counter, Rate, Trend } from "k6/metrics";
import { sleep } from "k6";

const FIELDS = "payment_id,currency,amount,source_account,destination_account";
const ATTEMPTS = 40;
// Not decided yet, not taken in, or unknown: the same key again is safe and finds out.
const RETRIED = [0, 202, 409, 429, 502, 503, 504];

const fromHere = (path) => (path.startsWith("/") ? path : `${__ENV.PWD}/${path}`);

const rows = new SharedArray("payments", () => {
  const path = __ENV.CSV_PATH || "tests/data/dummy_transactions.csv";
  const [header, ...lines] = open(fromHere(path)).trim().split(/\r?\n/);
  if (header !== FIELDS) {
    throw new Error(`${path}: the first line must be ${FIELDS}`);
  }
  return lines.map((line) => {
    const [payment_id, currency, amount, source_account, destination_account] = line.split(",");
    return { payment_id, currency, amount, source_account, destination_account };
  });
});

const headers = { "Content-Type": "application/json" };
if (__ENV.PAYMENTS) {
  headers["X-Kurs-Merchant"] = __ENV.MERCHANT || "demo";
  headers["X-Kurs-Key-Id"] = "k6";
  headers["X-Kurs-Roles"] = "pay,read";
} else {
  const key = __ENV.API_KEY || open(fromHere(__ENV.API_KEY_FILE || "var/api-key"));
  headers.Authorization = `Bearer ${key.trim()}`;
}
const base = __ENV.PAYMENTS || __ENV.GATEWAY || "http://127.0.0.1:8080";
const url = `${base.replace(/\/$/, "")}/payments`;
const run = __ENV.RUN ? `${__ENV.RUN}-` : "";
const vus = Number(__ENV.VUS || 32);

const duration = new Trend("payment_duration", true);
const payments = new Counter("payments");
const captured = new Counter("payments_captured");
const failed = new Counter("payments_failed");
const unresolved = new Counter("payments_unresolved");
const wrong = new Rate("payments_wrong_status");

http.setResponseCallback(http.expectedStatuses(200, 202, 400, 409, 429, 503));

const once = { executor: "shared-iterations", iterations: rows.length, maxDuration: "30m" };
const round = { executor: "constant-vus", duration: __ENV.DURATION };

export const options = {
  scenarios: { csv: { vus, gracefulStop: "15s", ...(__ENV.DURATION ? round : once) } },
  thresholds: {
    payments_wrong_status: ["rate==0"],
    payments_unresolved: ["count==0"],
    http_req_failed: ["rate<0.01"],
  },
  summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "max"],
  discardResponseBodies: false,
};

// The convention of loadtest.expectations: a row's account names say what must become of it.
function expected(row) {
  if (row.source_account === row.destination_account) return "FAILED same_account";
  if (`${row.source_account} ${row.destination_account}`.includes("ACC_MISSING_")) {
    return "FAILED account_not_found";
  }
  if (row.source_account.startsWith("ACC_POOR_")) return "FAILED insufficient_funds";
  if (row.source_account.startsWith("ACC_LARGE_")) return "FAILED risk_declined";
  return "CAPTURED";
}

function outcome(response) {
  let document;
  try {
    document = response.json();
  } catch (_) {
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
function pay(body, key) {
  const params = { headers: { ...headers, "Idempotency-Key": key }, redirects: 0 };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const response = http.post(url, body, params);
    if (isFinal(response)) return response;
    sleep(Math.min(0.05 * 2 ** attempt, 2));
  }
  return null;
}

export default function () {
  const number = exec.scenario.iterationInTest;
  const row = rows[number % rows.length];
  const id = __ENV.DURATION ? `${run}${row.payment_id}-${number}` : `${run}${row.payment_id}`;
  const started = Date.now();
  const response = pay(JSON.stringify({ ...row, payment_id: id }), id);
  if (response === null) {
    unresolved.add(1);
    return;
  }
  // With no retry k6's own timing is finer than the clock's milliseconds.
  const spent = Date.now() - started;
  duration.add(spent > response.timings.duration + 5 ? spent : response.timings.duration);
  const actual = outcome(response);
  const isWrong = actual !== expected(row);
  payments.add(1);
  (actual === "CAPTURED" ? captured : failed).add(1);
  wrong.add(isWrong);
  if (isWrong) console.error(`${id}: expected ${expected(row)}, got ${actual}`);
}

export function handleSummary(data) {
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  const times = data.metrics.payment_duration ? data.metrics.payment_duration.values : {};
  const seconds = data.state.testRunDurationMs / 1000;
  const broken = Object.entries(data.metrics)
    .filter(([, metric]) => Object.values(metric.thresholds || {}).some((t) => !t.ok))
    .map(([name]) => name);
  const figures = {
    payments: count("payments"),
    captured: count("payments_captured"),
    failed: count("payments_failed"),
    unresolved: count("payments_unresolved"),
    wrong: data.metrics.payments_wrong_status
      ? data.metrics.payments_wrong_status.values.passes
      : 0,
    seconds,
    latency_ms: { p50: times.med || 0, p95: times["p(95)"] || 0, p99: times["p(99)"] || 0 },
    broken_thresholds: broken,
  };
  const { p50, p95, p99 } = figures.latency_ms;
  const text =
    `${figures.payments} payments in ${seconds.toFixed(1)} s: ` +
    `${(figures.payments / seconds).toFixed(0)}/s, ` +
    `p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms\n` +
    `captured ${figures.captured}, failed ${figures.failed}, ` +
    `unresolved ${figures.unresolved}, wrong status ${figures.wrong}\n` +
    `${broken.length ? `broken thresholds: ${broken.join(", ")}` : "all thresholds hold"}\n`;
  const files = { stdout: text };
  if (__ENV.SUMMARY_PATH) files[fromHere(__ENV.SUMMARY_PATH)] = JSON.stringify(figures);
  return files;
}
