// Sends the payments of a CSV file and fails when one of them ends otherwise than its row demands.
//
//   python -m loadtest.replay tests/data/dummy_transactions.csv --prepare-only
//   k6 run -e CSV_PATH=tests/data/dummy_transactions.csv loadtest/k6/payment_load_from_csv.js
//
// CSV_PATH      the file, from the current folder (written by dummygen, or one like it)
// GATEWAY, API_KEY_FILE, API_KEY: see gateway.js
// VUS           payments at a time (default 32)
// DURATION      go round the file for this long, e.g. 30s; without it each row is paid once
// RUN           prefix of the payment ids, so that a file can be paid again as new payments
// SUMMARY_PATH  also write the figures there, as JSON
//
// The accounts are funded for one run over the file; with DURATION or RUN, fund them for more:
// --prepare-only --times 1000.
import exec from "k6/execution";
import { SharedArray } from "k6/data";
import { Counter, Rate, Trend } from "k6/metrics";
import { fromHere, outcome, pay } from "./gateway.js";
import { readRows } from "./rows.js";

const rows = new SharedArray("payments", () => {
  const path = __ENV.CSV_PATH || "tests/data/dummy_transactions.csv";
  try {
    return readRows(open(fromHere(path)), JSON.parse(open("./payment_file.json")));
  } catch (error) {
    throw new Error(`${path}, ${error.message}`, { cause: error });
  }
});

const run = __ENV.RUN ? `${__ENV.RUN}-` : "";
const vus = Number(__ENV.VUS || 32);

const duration = new Trend("payment_duration", true);
const payments = new Counter("payments");
const captured = new Counter("payments_captured");
const failed = new Counter("payments_failed");
const unresolved = new Counter("payments_unresolved");
const wrong = new Rate("payments_wrong_status");

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
  if ([row.source_account, row.destination_account].some((name) => name.startsWith("ACC_MISSING_"))) {
    return "FAILED account_not_found";
  }
  if (row.source_account.startsWith("ACC_POOR_")) return "FAILED insufficient_funds";
  if (row.source_account.startsWith("ACC_LARGE_")) return "FAILED risk_declined";
  return "CAPTURED";
}

export default function () {
  const number = exec.scenario.iterationInTest;
  const row = rows[number % rows.length];
  const id = __ENV.DURATION ? `${run}${row.payment_id}-${number}` : `${run}${row.payment_id}`;
  const started = Date.now();
  const response = pay({ ...row, payment_id: id });
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
