/* Owns opening an account and paying into it from outside, so that a first payment can be tried. */
import { once } from "./attempt.js";
import { el, setText } from "./dom.js";
import { amountProblem, inFull, money } from "./money.js";

export class Funding {
  #place;
  #session;
  #onDone;
  #shown = "";

  /** `onDone(accountId)` runs after something changed. */
  constructor(place, session, onDone) {
    this.#place = place;
    this.#session = session;
    this.#onDone = onDone;
  }

  clear() {
    this.#shown = "";
    this.#place.replaceChildren();
  }

  offerOpening(id) {
    const currency = codeInput("open-currency", "");
    const label = el("label", { for: "open-currency" }, "Settlement currency (optional)");
    const send = () => {
      const settles = currency.value.trim().toUpperCase();
      const body = settles ? { account_id: id, settlement_currency: settles } : { account_id: id };
      return this.#session.api.post("/accounts", body);
    };
    this.#draw({ what: "Open this account", fields: [label, currency], send, id });
  }

  offerDeposit(id) {
    const amount = el("input", { id: "deposit-amount", class: "short", inputmode: "decimal" });
    const currency = codeInput("deposit-currency", "USD");
    const fields = [
      el("label", { for: "deposit-amount" }, "Deposit"),
      amount,
      el("label", { for: "deposit-currency", class: "sr-only" }, "Currency"),
      currency,
    ];
    const { api, currencies, confirmation, who } = this.#session;
    const send = async (from) => {
      const code = currency.value.trim().toUpperCase();
      const decimals = currencies.decimals(code);
      const sum = { currency: code, amount: inFull(amount.value.trim(), decimals) };
      const wrong = amountProblem(sum.amount, code, decimals);
      if (wrong) throw new Error(wrong);
      if ((await confirmation.ask({ ...depositQuestion(id, sum), from })) !== "done") return;
      const body = { account_id: id, ...sum };
      // The id stays with a deposit that may have been made; a refused one gets a new id.
      await once(who.merchant, `/deposits ${JSON.stringify(body)}`, (key) =>
        api.post("/deposits", { deposit_id: key, ...body }),
      );
      amount.value = "";
    };
    this.#draw({ what: "Deposit", fields, send, id });
  }

  #draw({ what, fields, send, id }) {
    // The same offer again leaves what is being typed alone.
    if (`${what} ${id}` === this.#shown) return;
    this.#shown = `${what} ${id}`;
    const note = el("p", { class: "note", role: "alert" });
    const parts = [...fields, el("button", {}, what), note];
    const form = el("form", { class: "action", novalidate: true }, ...parts);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        setText(note, "");
        await send(event.submitter ?? form);
        this.#onDone(id);
      } catch (error) {
        setText(note, error.fields?.[0]?.message ?? error.message);
      }
    });
    this.#place.replaceChildren(form);
  }
}

function depositQuestion(id, { amount, currency }) {
  const sum = money(amount, currency);
  const effects = [
    { who: id, does: "gains", sum },
    { who: "the outside world", does: "loses", sum },
  ];
  return { title: `Deposit ${sum}?`, act: `Deposit ${sum}`, effects };
}

function codeInput(id, value) {
  const typing = { maxlength: 3, autocapitalize: "characters", autocomplete: "off" };
  return el("input", { id, class: "code-input", value, ...typing });
}
