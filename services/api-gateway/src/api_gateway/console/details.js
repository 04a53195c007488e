/* Owns the dialog with everything about one payment, and keeps it current while it is open. */
import { Actions } from "./actions.js";
import { READ_MS } from "./api.js";
import { definitions, el, find, setText } from "./dom.js";
import { fxFacts, mainFacts, riskFacts } from "./facts.js";
import { setChip } from "./status.js";
import { deliveries, history, operations, postings, refunds, riskInputs, waitingFor } from "./story.js";

const MOST_EVENTS = 50;
const SETTLE_MS = 400;

export class Details {
  #api;
  #address;
  #links;
  #id = "";
  #shown = null;
  #story = null;
  #sent = [];
  #settling = 0;

  /** `links` holds onAccount(accountId) and traceUrl(traceId) -> address or null. */
  constructor(dialog, session, { feed, links }) {
    this.#api = session.api;
    this.#address = session.address;
    this.#links = links;
    this.dialog = dialog;
    this.title = find("[data-title]", dialog);
    this.chip = find("[data-chip]", dialog);
    this.body = find("[data-body]", dialog);
    this.alert = find("[data-alert]", dialog);
    const place = find("[data-actions]", dialog);
    this.actions = new Actions(place, session, (payment) => this.#changed(payment));
    find("[data-close]", dialog).addEventListener("click", () => dialog.close());
    // A click on the dialog itself, not on what it holds, is a click on the backdrop.
    dialog.addEventListener("click", (event) => {
      // The second click of two was for what stood there before.
      if (event.target === dialog && event.detail < 2) dialog.close();
    });
    dialog.addEventListener("close", () => this.#address.set({ payment: "" }));
    feed.subscribe(({ payment }) => payment?.payment_id === this.#id && this.#changed(payment));
    this.#address.subscribe(() => this.#follow());
    this.#follow();
  }

  /** Shows the payment that the address names, or none. */
  #follow() {
    const id = this.#address.get("payment");
    if (id === this.#id) return;
    this.#forget();
    this.#id = id;
    if (!id) return this.dialog.close();
    setText(this.title, id);
    if (!this.dialog.open) this.dialog.showModal();
    this.title.focus();
    this.#read();
  }

  async #read() {
    const id = this.#id;
    try {
      const story = await this.#api.get(`/payments/${encodeURIComponent(id)}/explain`);
      if (this.#id !== id) return;
      this.#story = story;
      this.#draw(story.payment);
      await this.#readDeliveries(story);
    } catch (error) {
      if (this.#id === id) setText(this.alert, error.message);
    }
  }

  /** What became of its events; webhooks keeps that, and may be away when all else is told. */
  async #readDeliveries(story) {
    const sequences = story.events.slice(-MOST_EVENTS).map(({ sequence }) => sequence);
    const path = `/deliveries?sequences=${sequences}&limit=200`;
    const page = await this.#api.get(path, { patience: READ_MS }).catch(() => null);
    if (this.#story !== story) return;
    this.#sent = page?.items.toReversed() ?? [];
    if (!page) story.unavailable.push("webhooks");
    if (this.#sent.length || !page) this.#draw(this.#shown);
  }

  /** The payment moved: it is shown at once, and its story is read anew, once for a burst. */
  #changed(payment) {
    this.#draw(payment);
    if (this.#settling) return;
    this.#settling = setTimeout(() => {
      this.#settling = 0;
      if (this.#id) this.#read();
    }, SETTLE_MS);
  }

  #forget() {
    this.#shown = null;
    this.#story = null;
    this.#sent = [];
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
    const story = this.#story;
    const raw = [...this.body.querySelectorAll("details")].map(({ open }) => open);
    const focused = this.body.contains(document.activeElement) ? document.activeElement.textContent : null;
    this.body.replaceChildren(
      ...(story && story.payment.updated_at === payment.updated_at ? waitingFor(story) : []),
      ...section("Payment", mainFacts(payment, this.#links)),
      ...section("Conversion", fxFacts(payment, story?.quote)),
      ...riskFacts(payment.risk),
      ...(story ? riskInputs(story.risk) : []),
      ...(story ? history(story.events) : []),
      ...(story ? operations(story.operations) : []),
      ...(story ? refunds(story.refunds) : []),
      ...(story ? deliveries(this.#sent) : []),
      ...(story ? postings(story.transfers) : []),
      ...section("Metadata", Object.entries(payment.metadata ?? {}).map(readable)),
      json(story ?? payment),
    );
    [...this.body.querySelectorAll("details")].forEach((node, at) => {
      node.open = raw[at] ?? false;
    });
    if (focused !== null) this.#focus(focused);
  }

  /** What had the focus was drawn anew: the one that says the same has it again. */
  #focus(text) {
    const all = [...this.body.querySelectorAll("button, a, summary, [tabindex]")];
    (all.find(({ textContent }) => textContent === text) ?? this.body).focus({ preventScroll: true });
  }
}

function section(title, pairs) {
  const list = definitions(pairs);
  return list.childElementCount ? [el("h3", {}, title), list] : [];
}

function readable([name, value]) {
  return [name, typeof value === "string" ? value : JSON.stringify(value)];
}

function json(told) {
  const text = JSON.stringify(told, null, 2);
  const summary = el("summary", {}, "The whole answer as JSON");
  return el("details", {}, summary, el("pre", { class: "code", tabindex: "0" }, text));
}
