// The load of `make hpa-demo`: payments per second in steps, up and down, within one cluster.
//
// STEPS         payments per second of each step, e.g. 20,60,120,60,20
// STEP_SECONDS  how long a step lasts; the rate goes over to the next within RAMP_SECONDS of it
// RUN           prefix of the payment ids and part of the accounts' names
// PAYERS        how many payers the run has: the accounts are open and funded already
// AMOUNTS       the amount of a payment by currency, as JSON
// VUS           payments under way at most; what cannot begin for it is dropped, and counted
// GATEWAY, API_KEY: see gateway.js
//
// Each payment that ended is a line for whoever watches: `payment <currency> <ms> <outcome>`, or
// `unresolved <id>`; the last line is `summary` and the counts as JSON.
import exec from "k6/execution";
import { Counter } from "k6/metrics";
import { outcome, pay } from "./gateway.js";

const RAMP_SECONDS = 2;
const steps = __ENV.STEPS.split(",").map(Number);
const stepSeconds = Number(__ENV.STEP_SECONDS);
const amounts = JSON.parse(__ENV.AMOUNTS);
const currencies = Object.keys(amounts).sort();
const payers = Number(__ENV.PAYERS);
const vus = Number(__ENV.VUS);

const begun = new Counter("payments_begun");
const captured = Object.fromEntries(currencies.map((c) => [c, new Counter(`captured_${c}`)]));
const failed = new Counter("payments_failed");
const unresolved = new Counter("payments_unresolved");

export const options = {
  scenarios: {
    steps: {
      executor: "ramping-arrival-rate",
      startRate: 1,
      timeUnit: "1s",
      preAllocatedVUs: vus,
      maxVUs: vus,
      gracefulStop: "60s",
      stages: steps.flatMap((target) => [
        { target, duration: `${RAMP_SECONDS}s` },
        { target, duration: `${stepSeconds - RAMP_SECONDS}s` },
      ]),
    },
  },
};

export default function () {
  const number = exec.scenario.iterationInTest;
  const currency = currencies[number % currencies.length];
  const payment_id = `${__ENV.RUN}-${number}`;
  begun.add(1);
  const started = Date.now();
  const response = pay({
    payment_id,
    currency,
    amount: amounts[currency],
    source_account: `ACC_SRC_${__ENV.RUN}_${number % payers}`,
    destination_account: `ACC_DST_${__ENV.RUN}_${number % (payers + 1)}`,
  });
  if (response === null) {
    unresolved.add(1);
    console.log(`unresolved ${payment_id}`);
    return;
  }
  const actual = outcome(response);
  if (actual === "CAPTURED") captured[currency].add(1);
  else failed.add(1);
  console.log(`payment ${currency} ${Date.now() - started} ${actual}`);
}

export function handleSummary(data) {
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  const counts = {
    begun: count("payments_begun"),
    captured: Object.fromEntries(currencies.map((c) => [c, count(`captured_${c}`)])),
    failed: count("payments_failed"),
    unresolved: count("payments_unresolved"),
    dropped: count("dropped_iterations"),
  };
  return { stdout: `summary ${JSON.stringify(counts)}\n` };
}
