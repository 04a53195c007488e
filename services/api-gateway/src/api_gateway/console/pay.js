/*
 * Owns the making of a payment in three steps: the form, the quote to confirm, the result.
 * All three lie in one place of the page, so that nothing around them moves.
 */
import { ApiError } from "./api.js";
import { forget, isUnknown, keep, newKey, unfinished } from "./attempt.js";
import { find, setText } from "./dom.js";
import { money } from "./money.js";
import { PayForm } from "./payform.js";
import { countdown, quoteSummary } from "./quote.js";
import { showReceipt } from "./receipt.js";

const UNKNOWN = "The outcome is not known yet. Asking again never pays twice.";

export class Pay {
  #api;
  #onOpen;
  #attempt = null;
  #stopClock = () => {};
  #busy = false;

  /** `onOpen(paymentId)` runs when the details of the payment made are asked for. */
  constructor(panel, { api, onOpen }) {
    this.#api = api;
    this.#onOpen = onOpen;
    this.form = find("form", panel);
    this.fields = new PayForm(this.form);
    this.confirm = find("[data-step=confirm]", panel);
    this.result = find("[data-step=result]", panel);
    this.steps = [this.form, this.confirm, this.result];
    this.payButton = find("[data-pay]", panel);
    this.backButton = find("[data-back]", panel);
    this.alert = find("[data-alert]", panel);
    this.form.addEventListener("submit", (event) => this.#quote(event));
    this.payButton.addEventListener("click", () => this.#next());
    this.backButton.addEventListener("click", () => this.#edit());
    this.#show(this.form);
    this.#resume();
  }

  async #quote(event) {
    event.preventDefault();
    if (this.#busy) return;
    setText(this.alert, "");
    const body = this.fields.read();
    if (!body) return;
    await this.#during(async () => {
      const { quote, skew } = await this.#ask(body);
      this.#offer({ key: newKey(), body, quote }, skew);
    }, (error) => this.#refused(error));
  }

  async #ask({ amount, currency, destination_currency: other }) {
    if (currency === other) return { quote: null, skew: 0 };
    const pair = { source_currency: currency, destination_currency: other, source_amount: amount };
    const { data, skew } = await this.#api.post("/quotes", pair);
    return { quote: data, skew };
  }

  #offer(attempt, skew) {
    const { body, quote } = attempt;
    this.#attempt = quote ? { ...attempt, body: { ...body, quote: quote.quote } } : attempt;
    this.#show(this.confirm);
    find("[data-summary]", this.confirm).replaceChildren(quoteSummary(body, quote));
    this.#label(`Pay ${money(body.amount, body.currency)}`, "Change");
    const clock = find("[data-clock]", this.confirm);
    clock.replaceChildren();
    if (quote) this.#stopClock = countdown(clock, quote, skew, () => this.#expired());
    this.payButton.focus();
  }

  #expired() {
    if (this.#busy) return;
    this.#attempt = null;
    this.#label("Get a new quote", "Change");
  }

  /** Pays, asks again for an unknown outcome, or renews an expired quote. */
  async #next() {
    if (this.#busy) return;
    if (!this.#attempt) return this.form.requestSubmit();
    this.#stopClock();
    setText(this.alert, "");
    keep(this.#attempt);
    const { key, body } = this.#attempt;
    const send = () => this.#api.post("/payments", body, { headers: { "Idempotency-Key": key } });
    const pay = async () => this.#finish((await send()).data);
    await this.#during(pay, (error) => this.#failed(error));
  }

  #finish(payment) {
    forget();
    this.#attempt = null;
    this.#show(this.result);
    showReceipt(this.result, payment, this.#api, {
      onOpen: () => this.#onOpen(payment.payment_id),
      onAnother: () => this.#edit(),
    });
  }

  #failed(error) {
    if (isUnknown(error)) return this.#uncertain(error.message);
    forget();
    this.#refused(error);
  }

  #uncertain(message) {
    setText(this.alert, `${message} ${UNKNOWN}`);
    this.#label("Ask again", "Leave it");
  }

  #refused(error) {
    this.#edit();
    const fields = error instanceof ApiError ? error.fields : [];
    const elsewhere = this.fields.show(fields);
    if (fields.length && !elsewhere.length) return;
    setText(this.alert, [error.message, ...elsewhere].join(" "));
  }

  #resume() {
    const attempt = unfinished();
    if (!attempt) return;
    this.#offer({ ...attempt, quote: null }, 0);
    find("[data-summary]", this.confirm).replaceChildren(quoteSummary(attempt.body, attempt.quote));
    this.#uncertain("The page was left before the answer came.");
  }

  #edit() {
    this.#stopClock();
    this.#attempt = null;
    forget();
    setText(this.alert, "");
    this.#show(this.form);
    this.form.elements.source_account.focus();
  }

  async #during(work, onError) {
    this.#busy = true;
    this.payButton.setAttribute("aria-busy", "true");
    this.form.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      onError(error);
    } finally {
      this.#busy = false;
      this.payButton.removeAttribute("aria-busy");
      this.form.removeAttribute("aria-busy");
    }
  }

  #label(forward, back) {
    setText(this.payButton, forward);
    setText(this.backButton, back);
  }

  #show(step) {
    for (const each of this.steps) each.classList.toggle("current", each === step);
  }
}
