/* Owns one row of the payment stream: built once, then only the texts that changed are written. */
import { el, setText } from "./dom.js";
import { money } from "./money.js";
import { chip, isVain, setChip } from "./status.js";
import { setTime, timeElement } from "./time.js";

/**
 * A row for a payment; `onOpen(paymentId)` runs when it is clicked or its button pressed.
 * A fresh one is tinted for a moment, once: moving it later must not tint it again.
 */
export class Row {
  constructor(payment, onOpen, fresh) {
    const id = payment.payment_id;
    this.chip = chip(payment.status);
    this.reason = el("span", { class: "second" });
    this.paid = el("span", { class: "amount" });
    this.received = el("span", { class: "second amount" });
    this.parties = el("span", { class: "first parties" });
    this.corridor = el("span", { class: "second" });
    this.time = timeElement(payment.updated_at);
    this.button = el("button", { type: "button", class: "row-button", title: id }, id);
    this.element = el(
      "tr",
      {
        role: "row",
        class: fresh && "fresh",
        on: { click: () => onOpen(id), animationend: settle },
      },
      cell("status", this.chip, this.reason),
      cell("sum", this.paid, this.received),
      cell("way", this.parties, this.corridor),
      cell("id", this.button, el("span", { class: "second" }, this.time)),
    );
    this.update(payment);
  }

  update(payment) {
    this.payment = payment;
    const { currency, destination_currency: other } = payment;
    const converted = other && other !== currency;
    const arrives = converted && !isVain(payment.status);
    setChip(this.chip, payment.status);
    setText(this.reason, reason(payment));
    setText(this.paid, money(payment.amount, currency));
    setText(this.received, arrives ? `→ ${money(payment.destination_amount ?? "…", other)}` : "");
    setText(this.parties, `${payment.source_account} → ${payment.destination_account}`);
    this.parties.title = this.parties.textContent;
    setText(this.corridor, converted ? `${currency} to ${other}` : `${currency}, no conversion`);
    setTime(this.time, payment.updated_at);
  }
}

function settle({ currentTarget }) {
  currentTarget.classList.remove("fresh");
}

function reason({ failure, risk, status }) {
  if (failure) return words(failure.code);
  const reasons = [...(risk?.reasons ?? [])].sort((a, b) => b.points - a.points);
  return status === "REVIEW" && reasons.length ? words(reasons[0].rule) : "";
}

/** "insufficient_funds" as "insufficient funds". */
function words(code) {
  return String(code).replaceAll("_", " ");
}

function cell(name, ...children) {
  return el("td", { role: "cell", class: `cell-${name}` }, ...children);
}
