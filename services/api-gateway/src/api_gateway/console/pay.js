/*
 * Owns the making of a payment: the form, the confirmation, then the result in the form's place.
 * What was sent and has no known outcome is asked for again under the same key, also after a reload.
 */
import { ApiError } from "./api.js";
import { forget, isUnknown, keep, newKey, unfinished } from "./attempt.js";
import { definitions, find, setText } from "./dom.js";
import { paymentEffects } from "./effects.js";
import { money } from "./money.js";
import { PayForm } from "./payform.js";
import { countdown, quoteTerms } from "./quote.js";
import { showReceipt } from "./receipt.js";

const UNKNOWN = "The outcome is not known yet. Asking again never pays twice.";

export class Pay {
  #session;
  #onOpen;
  #attempt = null;
  #busy = false;

  /**
   * `session` holds api, who, currencies and confirmation; `onOpen(paymentId)` runs when the details of
   * the payment made are asked for.
   */
  constructor(panel, session, { onOpen }) {
    this.#session = session;
    this.#onOpen = onOpen;
    this.form = find("form", panel);
    this.fields = new PayForm(this.form, session);
    this.pending = find("[data-step=pending]", panel);
    this.result = find("[data-step=result]", panel);
    this.steps = [this.form, this.pending, this.result];
    this.again = find("[data-again]", panel);
    this.alert = find("[data-alert]", panel);
    this.form.addEventListener("submit", (event) => this.#continue(event));
    this.again.addEventListener("click", () => this.#send());
    find("[data-leave]", panel).addEventListener("click", () => this.#anew());
    this.#show(this.form);
    this.#resume();
  }

  async #continue(event) {
    event.preventDefault();
    if (this.#busy) return;
    setText(this.alert, "");
    await this.#during(async () => {
      const body = await this.fields.read();
      if (body && (await this.#confirmed(body, event.submitter ?? this.form))) await this.#try();
    }, (error) => this.#refused(error));
  }

  /** Asks until it is confirmed with a quote that holds, or given up; true when it may be sent. */
  async #confirmed(body, from) {
    for (;;) {
      const { quote, skew } = await this.#quote(body);
      const answer = await this.#session.confirmation.ask(this.#question(body, quote, skew, from));
      if (answer === "done") {
        const signed = quote ? { ...body, quote: quote.quote } : body;
        this.#attempt = { key: newKey(), body: signed };
        return true;
      }
      if (answer === "back") return false;
    }
  }

  async #quote({ amount, currency, destination_currency: other }) {
    if (!other || currency === other) return { quote: null, skew: 0 };
    const pair = { source_currency: currency, destination_currency: other, source_amount: amount };
    const { data, skew } = await this.#session.api.post("/quotes", pair);
    return { quote: data, skew };
  }

  #question(body, quote, skew, from) {
    const { amount, currency, destination_currency: other } = body;
    const sum = money(amount, currency);
    const arrives = quote ? money(quote.destination_amount, other) : other && sum;
    const verb = body.capture === "manual" ? "Hold" : "Pay";
    return {
      title: `${verb} ${sum}?`,
      act: `${verb} ${sum}`,
      effects: paymentEffects(body, arrives || null),
      terms: [quote ? quoteTerms(body, quote) : definitions([["Conversion", conversion(other)]])],
      clock: quote && ((place, onExpired) => countdown(place, quote, skew, onExpired)),
      from,
    };
  }

  async #send() {
    if (this.#busy) return;
    setText(this.alert, "");
    await this.#during(() => this.#try(), (error) => this.#refused(error));
  }

  async #try() {
    const { key, body, tried: again } = this.#attempt;
    this.#attempt.tried = true;
    keep(this.#session.who.merchant, this.#attempt);
    this.#wait(body);
    try {
      const headers = { "Idempotency-Key": key };
      const { data } = await this.#session.api.post("/payments", body, { headers });
      this.#finish(data);
    } catch (error) {
      if (!isUnknown(error, again)) throw error;
      setText(this.alert, `${error.message} ${UNKNOWN}`);
    }
  }

  #wait({ amount, currency, source_account: from, destination_account: to }) {
    setText(find("[data-summary]", this.pending), `${money(amount, currency)} from ${from} to ${to}`);
    this.#show(this.pending);
    this.pending.focus();
  }

  #finish(payment) {
    this.#drop();
    this.fields.reset();
    this.#show(this.result);
    showReceipt(this.result, payment, this.#session.api, {
      onOpen: () => this.#onOpen(payment.payment_id),
      onAnother: () => this.#anew(),
    });
  }

  /** Nothing was done: the form comes back as it was, with what is wrong at its fields. */
  #refused(error) {
    this.#drop();
    this.#show(this.form);
    const fields = error instanceof ApiError ? error.fields : [];
    const elsewhere = this.fields.show(fields);
    if (fields.length && !elsewhere.length) return;
    setText(this.alert, [error.message, ...elsewhere].join(" "));
  }

  #resume() {
    this.#attempt = unfinished(this.#session.who.merchant);
    if (!this.#attempt) return;
    this.#wait(this.#attempt.body);
    setText(this.alert, `The page was left before the answer came. ${UNKNOWN}`);
  }

  #anew() {
    this.#drop();
    setText(this.alert, "");
    this.fields.reset();
    this.#show(this.form);
    this.form.elements.source_account.focus();
  }

  #drop() {
    forget(this.#session.who.merchant);
    this.#attempt = null;
  }

  async #during(work, onError) {
    this.#busy = true;
    for (const step of this.steps) step.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      onError(error);
    } finally {
      this.#busy = false;
      for (const step of this.steps) step.removeAttribute("aria-busy");
    }
  }

  #show(step) {
    for (const each of this.steps) each.classList.toggle("current", each === step);
  }
}

function conversion(other) {
  return other ? "none, one currency" : "at the rate of that moment, if the account settles in another";
}
