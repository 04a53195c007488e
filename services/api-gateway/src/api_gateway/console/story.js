/*
 * Owns the readable form of what `GET /payments/{id}/explain` tells beyond the payment: what it
 * waits for, who did what, refunds, risk's inputs, the ledger's postings, what services did not say.
 */
import { definitions, el } from "./dom.js";
import { money } from "./money.js";
import { label } from "./status.js";
import { left, timeElement } from "./time.js";

const RATES = { payment: " at the payment's rate", present: " at the rate of then" };

/** What a payment waits for, first of all. */
export function waitingFor({ waiting, unavailable }) {
  const missing = unavailable.length
    ? [el("p", { class: "note wrong" }, `Not told just now: what ${unavailable.join(" and ")} knows of it.`)]
    : [];
  if (!waiting) return missing;
  const { waits_for: what, reason, until } = waiting;
  const time = until ? [", ", left((Date.parse(until) - Date.now()) / 1000), " left, until ", timeElement(until)] : [];
  return [el("p", { class: "waits" }, el("strong", {}, `Waits for ${what}`), `: ${reason}`, ...time), ...missing];
}

export function history(events) {
  return list("History", "history", events.map(move));
}

export function operations(all) {
  return list(
    "Asked for",
    "history",
    all.map(({ kind, actor, asked_at: at, state, attempts }) =>
      el("li", {}, timeElement(at), el("strong", {}, kind), ` by ${actor}: ${state}`, attempts > 1 ? `, ${attempts} attempts` : ""),
    ),
  );
}

export function refunds(all) {
  return list("Refunds", "history", all.map(refund));
}

/** On what risk decided; the decision and its reasons stand with the payment. */
export function riskInputs(risk) {
  if (!risk?.inputs) return [];
  const facts = Object.entries(risk.inputs).map(([name, value]) => [words(name), readable(value)]);
  const more = [
    ["Decided", risk.decided_at && timeElement(risk.decided_at)],
    ["Rules", risk.config_revision && el("span", { class: "code" }, risk.config_revision)],
  ];
  return [folded("What risk decided on", definitions([...facts, ...more]))];
}

/** What receivers were told of it, and what they answered. */
export function deliveries(all) {
  return list("Told to your receivers", "history", all.map(delivery));
}

function delivery({ destination, type, status, tried_at: tried, response_status: answer, error, created_at: created }) {
  const said = answer ? `answered ${answer}` : (error ?? "");
  return el("li", {}, timeElement(tried ?? created), el("strong", {}, type), ` to ${destination}: ${status}`, said ? `, ${said}` : "");
}

/** Each transfer of the ledger, posting by posting. */
export function postings(transfers) {
  if (!transfers.length) return [];
  return [el("h3", {}, "In the ledger"), ...transfers.flatMap(transfer)];
}

function transfer({ kind, status, at, postings: moved, transfer_id: id }) {
  const head = el("p", { class: "hint", title: id }, `${words(kind)}, ${status}`, at ? ", " : "", at ? timeElement(at) : "");
  if (!moved.length) return [head];
  const rows = moved.map(({ account_id: account, amount, currency }) =>
    el("tr", {}, el("td", { class: "code" }, account), el("td", { class: "amount" }, money(amount, currency))),
  );
  return [head, el("table", { class: "postings" }, el("tbody", {}, ...rows))];
}

function move({ from, to, cause, actor, at }) {
  const way = from ? `${label(from)} to ${label(to)}` : label(to);
  const origin = [cause, actor].filter(Boolean).join(", by ");
  return el("li", {}, timeElement(at), el("strong", {}, way), origin ? ` ${origin}` : null);
}

function refund({ created_at: at, amount, currency, status, actor, failure, ...given }) {
  const { destination_amount: back, destination_currency: code, rate } = given;
  const sum = el("strong", {}, money(amount, currency));
  const other = back && code !== currency ? ` for ${money(back, code)}${RATES[rate] ?? ""}` : "";
  return el("li", {}, timeElement(at), sum, `${other}: ${status.toLowerCase()}, by ${actor}`, failure ? `: ${failure.message}` : "");
}

function list(title, name, items) {
  return items.length ? [el("h3", {}, title), el("ol", { class: name }, ...items)] : [];
}

function folded(title, content) {
  return el("details", {}, el("summary", {}, title), content);
}

function readable(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function words(name) {
  return String(name).replaceAll("_", " ");
}
