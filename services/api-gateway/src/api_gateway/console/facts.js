/* Owns the readable form of a payment: its sums, conversion and risk decision. */
import { el } from "./dom.js";
import { formatRate, formatSpread, isZero, money, rateWords } from "./money.js";
import { isOpen, isVain } from "./status.js";
import { age, timeElement } from "./time.js";

export function mainFacts(payment, { onAccount, traceUrl }) {
  const { currency, destination_currency: other } = payment;
  const some = (amount) => (amount && !isZero(amount) ? money(amount, currency) : null);
  const { failure } = payment;
  const [paid, arrives] = tense(payment.status);
  return [
    ["Failure", failure && why(failure)],
    [paid, el("strong", {}, money(payment.amount, currency))],
    [arrives, other !== currency ? money(payment.destination_amount, other) : null],
    ["Captured", some(payment.captured_amount)],
    ["Refunded", some(payment.refunded_amount)],
    ["From", account(payment.source_account, onAccount)],
    ["To", account(payment.destination_account, onAccount)],
    ["Description", payment.description],
    ["Capture", payment.capture],
    ["Held until", payment.status === "AUTHORIZED" ? time(payment.hold_expires_at) : null],
    ["Created", time(payment.created_at)],
    ["Changed", time(payment.updated_at)],
    ["Trace", trace(payment.trace_id, traceUrl)],
  ];
}

/** What the sums of both sides are called: nothing is said to be paid that is not. */
function tense(status) {
  if (isVain(status)) return ["Asked for", "Would be"];
  return isOpen(status) ? ["To pay", "Would arrive"] : ["Paid", "Arrived"];
}

function why({ code, message }) {
  return el("strong", { class: "bad-text" }, `${message} (${code})`);
}

/** The rate; `quote` is what the payment's story tells of it, with its age, or nothing. */
export function fxFacts({ fx, currency, destination_currency: other }, quote) {
  if (!fx) return [];
  return [
    ["Rate", el("span", { title: fx.rate }, rateWords(fx.rate, currency, other))],
    ["Mid", el("span", { title: fx.mid }, formatRate(fx.mid))],
    ["Spread", formatSpread(fx.spread_bps)],
    ["Source", el("span", {}, `${fx.source}, as of `, timeElement(fx.as_of))],
    ["Its age then", quote && age(quote.age_seconds)],
    ["Quote", el("span", { class: "code" }, fx.quote_id)],
    ["Revision", el("span", { class: "code" }, fx.config_revision)],
    ["Edited", quote?.last_edit && edited(quote.last_edit)],
  ];
}

function edited({ source, by, at }) {
  return el("span", {}, `${source} by ${by}, `, timeElement(at));
}

/** The decision and its reasons, the heaviest first. */
export function riskFacts(risk) {
  if (!risk) return [];
  const score = Number(risk.score) || 0;
  const scale = { min: 0, max: 100, low: 40, high: 70, optimum: 0 };
  const meter = el("meter", { ...scale, value: score, "aria-label": "Risk score" });
  const reasons = [...(risk.reasons ?? [])].sort((a, b) => b.points - a.points);
  return [
    el("h3", {}, "Risk"),
    el("p", { class: "risk" }, meter, ` ${risk.score} of 100, ${risk.decision}`),
    reasons.length ? el("ul", { class: "reasons" }, ...reasons.map(reason)) : "",
  ];
}

function reason({ rule, points, message }) {
  const weight = el("span", { class: "points" }, `+${points}`);
  return el("li", {}, weight, el("strong", {}, rule), ` ${message}`);
}

function account(id, onAccount) {
  const open = { click: () => onAccount(id) };
  const look = { class: "link code", title: "Show its balances" };
  return el("button", { type: "button", ...look, on: open }, id);
}

function trace(id, traceUrl) {
  const address = id && traceUrl(id);
  if (!address) return id && el("span", { class: "code" }, id);
  return el("a", { class: "code", href: address, target: "_blank", rel: "noreferrer" }, id);
}

function time(text) {
  return text ? timeElement(text) : null;
}
