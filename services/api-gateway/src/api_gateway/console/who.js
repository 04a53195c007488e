/* Owns who is signed in: merchant, key, roles and environment, and what the key may do. */
import { definitions, el, find, setText } from "./dom.js";
import { timeElement } from "./time.js";

const MAY = {
  pay: "pay, capture and void, open accounts",
  refund: "refund",
  read: "read",
  webhooks: "send events again, and test events",
  review: "approve and refuse what is in review",
  treasury: "deposit from outside",
  audit: "read the ledger's sums and the limits in force",
};

export class Who {
  #answer;

  /** `answer` is that of `GET /whoami`. */
  constructor(answer) {
    this.#answer = answer;
  }

  get merchant() {
    return this.#answer.merchant;
  }

  may(role) {
    return this.#answer.roles.includes(role);
  }

  /** Fills the header's menu, and hides every element whose `data-needs` role the key lacks. */
  show(menu) {
    const { merchant, key_id: id, key_name: name, roles, environment, not_after: ends } = this.#answer;
    setText(find("[data-merchant]", menu), merchant);
    setText(find("[data-environment]", menu), environment);
    const facts = definitions([
      ["Merchant", merchant],
      ["Environment", environment],
      ["Key", el("span", {}, name ? `${name}, ` : "", el("span", { class: "code" }, id))],
      ["It ends", ends ? timeElement(ends) : "never"],
      ["It may", el("ul", { class: "plain" }, ...roles.map((role) => el("li", {}, MAY[role] ?? role)))],
    ]);
    find("[data-facts]", menu).replaceChildren(facts);
    for (const node of document.querySelectorAll("[data-needs]")) {
      if (!this.may(node.dataset.needs)) node.hidden = true;
    }
  }
}
