/* Owns the dialog with everything about one payment, and keeps it current while it is open. */
import { Actions } from "./actions.js";
import { definitions, el, find, setText } from "./dom.js";
import { fxFacts, history, mainFacts, riskFacts } from "./facts.js";
import { setChip } from "./status.js";

export class Details {
  #api;
  #feed;
  #links;
  #id = "";
  #shown = null;

  /** `links` holds onAccount(accountId) and traceUrl(traceId) -> address or null. */
  constructor(dialog, session, { feed, links }) {
    this.#api = session.api;
    this.#feed = feed;
    this.#links = links;
    this.dialog = dialog;
    this.title = find("[data-title]", dialog);
    this.chip = find("[data-chip]", dialog);
    this.body = find("[data-body]", dialog);
    this.alert = find("[data-alert]", dialog);
    const place = find("[data-actions]", dialog);
    this.actions = new Actions(place, session, (payment) => this.#draw(payment));
    find("[data-close]", dialog).addEventListener("click", () => dialog.close());
    // A click on the dialog itself, not on what it holds, is a click on the backdrop.
    dialog.addEventListener("click", (event) => {
      // The second click of two was for what stood there before.
      if (event.target === dialog && event.detail < 2) dialog.close();
    });
    dialog.addEventListener("close", () => this.#forget());
    feed.subscribe(({ payment }) => payment?.payment_id === this.#id && this.#draw(payment));
  }

  async open(paymentId) {
    this.#forget();
    this.#id = paymentId;
    setText(this.title, paymentId);
    if (!this.dialog.open) this.dialog.showModal();
    this.title.focus();
    try {
      const payment = await this.#api.get(`/payments/${encodeURIComponent(paymentId)}`);
      if (this.#id === paymentId) this.#draw(payment);
    } catch (error) {
      if (this.#id === paymentId) setText(this.alert, error.message);
    }
  }

  #forget() {
    this.#id = "";
    this.#shown = null;
    setText(this.alert, "");
    setText(this.chip, "");
    this.chip.className = "";
    this.body.replaceChildren();
    this.actions.clear();
  }

  #draw(payment) {
    if (this.#shown && this.#shown.updated_at > payment.updated_at) return;
    this.#shown = payment;
    setText(this.alert, "");
    setChip(this.chip, payment.status);
    this.actions.offer(payment);
    const raw = this.body.querySelector("details")?.open ?? false;
    this.body.replaceChildren(
      ...section("Payment", mainFacts(payment, this.#links)),
      ...section("Conversion", fxFacts(payment)),
      ...riskFacts(payment.risk),
      ...history(payment, this.#feed.moves(payment.payment_id)),
      ...section("Metadata", Object.entries(payment.metadata ?? {}).map(readable)),
      json(payment, raw),
    );
  }
}

function section(title, pairs) {
  const list = definitions(pairs);
  return list.childElementCount ? [el("h3", {}, title), list] : [];
}

function readable([name, value]) {
  return [name, typeof value === "string" ? value : JSON.stringify(value)];
}

function json(payment, open) {
  const text = JSON.stringify(payment, null, 2);
  const summary = el("summary", {}, "The whole answer as JSON");
  return el("details", { open }, summary, el("pre", { class: "code", tabindex: "0" }, text));
}
