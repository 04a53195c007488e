/* Owns the result of a payment just made; one that is still running is followed to its end. */
import { el } from "./dom.js";
import { money } from "./money.js";
import { chip, isRunning } from "./status.js";

const FOLLOW_MS = 1000;
const FOLLOW_TIMES = 60;

const TITLES = {
  CAPTURED: "Paid",
  AUTHORIZED: "Funds are held",
  REVIEW: "Waiting for review",
  FAILED: "Not paid",
};

/** Shows the payment in `step`, and asks each second while its outcome is open. */
export function showReceipt(step, payment, api, actions) {
  const title = draw(step, payment, actions);
  title.focus();
  if (isRunning(payment.status)) follow(step, title, payment.payment_id, api, actions);
}

function draw(step, payment, { onOpen, onAnother }) {
  const { amount, currency, failure, payment_id: id } = payment;
  const title = el("h3", { tabindex: "-1" }, TITLES[payment.status] ?? "Still processing");
  step.replaceChildren(
    el("p", {}, chip(payment.status)),
    title,
    el("p", { class: "figure" }, money(amount, currency)),
    el("p", {}, failure ? failure.message : arrived(payment)),
    el("p", { class: "hint code" }, id),
    el(
      "p",
      { class: "buttons" },
      el("button", { type: "button", class: "primary", on: { click: onAnother } }, "New payment"),
      el("button", { type: "button", on: { click: onOpen } }, "Details"),
    ),
  );
  return title;
}

function arrived(payment) {
  const { destination_amount: amount, destination_currency: currency } = payment;
  const to = payment.destination_account;
  return amount ? `${money(amount, currency)} for ${to}` : `for ${to}`;
}

async function follow(step, title, paymentId, api, actions) {
  for (let asked = 0; asked < FOLLOW_TIMES; asked += 1) {
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    if (!title.isConnected) return;
    const payment = await api.get(`/payments/${encodeURIComponent(paymentId)}`).catch(() => null);
    if (!title.isConnected) return;
    if (payment && !isRunning(payment.status)) return draw(step, payment, actions).focus();
  }
}
