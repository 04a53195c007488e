/* Owns what an action does to both sides of a payment, in words, before it is done. */
import { el } from "./dom.js";
import { formatRate, money, share, subtract } from "./money.js";

/** The question about an action on a payment: {title, effects, terms, act}; `amount` may be none. */
export function question(path, payment, amount) {
  return QUESTIONS[path](payment, amount);
}

const QUESTIONS = {
  capture: (payment, amount) => {
    const rest = subtract(payment.amount, amount);
    const free = Number(rest) > 0 ? [`${money(rest, payment.currency)} of the hold is free again.`] : [];
    const sum = money(amount, payment.currency);
    return ask(`Capture ${sum}?`, `Capture ${sum}`, moves(payment, amount, payment.amount), [
      ...free,
      "It ends the hold: what is not captured now cannot be captured later.",
    ]);
  },
  void: (payment) =>
    ask("Void this payment?", "Void it", released(payment), ["It cannot be captured after that."]),
  approve: (payment) => {
    const manual = payment.capture === "manual";
    const effects = manual ? held(payment) : moves(payment, payment.amount, payment.amount);
    const next = manual ? ["It stays held until somebody captures it."] : [];
    return ask("Approve this payment?", "Approve it", effects, next);
  },
  refuse: (payment) =>
    ask("Refuse this payment?", "Refuse it", released(payment), ["It has failed then, for good."]),
  refunds: (payment, amount) => {
    const sum = money(amount, payment.currency);
    const effects = back(payment, amount);
    const converts = payment.destination_currency !== payment.currency;
    const terms = converts ? ["At the payment's rate within 30 days, later at the present one."] : [];
    return ask(`Refund ${sum}?`, `Refund ${sum}`, effects, terms);
  },
};

/** What a payment does that is about to be made; without `arrives` the server decides on it. */
export function paymentEffects(body, arrives) {
  const sum = money(body.amount, body.currency);
  const gains = arrives ?? `${sum}, or its worth in what the account settles in`;
  if (body.capture !== "manual") {
    return [loses(body.source_account, sum), gain(body.destination_account, gains)];
  }
  return [
    { who: body.source_account, does: "has held", sum },
    { who: body.destination_account, does: "gains, once captured,", sum: gains },
  ];
}

function ask(title, act, effects, terms) {
  return { title, act, effects, terms: terms.map((text) => el("p", { class: "hint" }, text)) };
}

function moves(payment, amount, whole) {
  const { currency, source_account: from, destination_account: to } = payment;
  return [loses(from, money(amount, currency)), gain(to, other(payment, amount, whole))];
}

function back(payment, amount) {
  const { currency, source_account: payer, destination_account: receiver } = payment;
  const given = other(payment, amount, payment.captured_amount);
  return [loses(receiver, given), gain(payer, money(amount, currency))];
}

function released(payment) {
  const sum = money(payment.amount, payment.currency);
  return [
    { who: payment.source_account, does: "may spend again", sum },
    { who: payment.destination_account, does: "gains nothing" },
  ];
}

function held(payment) {
  const sum = money(payment.amount, payment.currency);
  return [
    { who: payment.source_account, does: "keeps held", sum },
    { who: payment.destination_account, does: "gains nothing yet" },
  ];
}

/** What a part of the payment is on the receiver's side; "about", since the ledger rounds. */
function other({ currency, destination_currency: code, destination_amount: arrives, fx }, amount, whole) {
  if (!code || code === currency) return money(amount, currency);
  if (arrives && amount === whole) return money(arrives, code);
  if (arrives && whole) return `about ${money(share(arrives, amount, whole), code)}`;
  return fx ? `${money(amount, currency)} at ${formatRate(fx.rate)}` : `its worth in ${code}`;
}

function loses(who, sum) {
  return { who, does: "loses", sum };
}

function gain(who, sum) {
  return { who, does: "gains", sum };
}
