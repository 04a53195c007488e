/* Owns the dialog of one destination: how it does, what was sent there last, and a test event. */
import { READ_MS } from "./api.js";
import { deliveryList } from "./deliveries.js";
import { countOf, standingChip } from "./destinations.js";
import { definitions, el, find, setClass, setText } from "./dom.js";
import { Freshness } from "./freshness.js";
import { poll } from "./poll.js";
import { timeElement } from "./time.js";

const SECONDS = 3;
const PAGE = "20";

export class Destination {
  #session;
  #name = "";
  #all = [];
  #open = null;
  #before = "";
  #next = null;

  constructor(dialog, session) {
    this.#session = session;
    this.dialog = dialog;
    this.title = find("[data-title]", dialog);
    this.alert = find("[data-alert]", dialog);
    this.facts = find("[data-facts]", dialog);
    this.status = find("select", dialog);
    this.older = find("[data-older]", dialog);
    this.newest = find("[data-newest]", dialog);
    this.test = find("[data-test]", dialog);
    this.result = find("[data-result]", dialog);
    this.list = deliveryList(find("[data-deliveries]", dialog), session, () => this.#read());
    this.test.hidden = !session.who.may("webhooks");
    this.test.addEventListener("click", () => this.#send());
    this.status.addEventListener("change", () => this.#leaf(""));
    this.older.addEventListener("click", () => this.#leaf(this.#next));
    this.newest.addEventListener("click", () => this.#leaf(""));
    find("[data-close]", dialog).addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
      // The second click of two was for what stood there before.
      if (event.target === dialog && event.detail < 2) dialog.close();
    });
    dialog.addEventListener("close", () => session.address.set({ destination: "" }));
    session.address.subscribe(() => this.#follow());
    this.#follow();
  }

  /** Takes what is known of all destinations. */
  told(destinations) {
    this.#all = destinations;
    if (this.#name) this.#draw();
  }

  /** Shows the destination that the address names, or none. */
  #follow() {
    const name = this.#session.address.get("destination");
    if (name === this.#name) return;
    this.#open?.abort();
    this.#name = name;
    if (!name) return this.dialog.close();
    setText(this.title, name);
    this.list.show([], {});
    for (const place of [this.alert, this.result]) place.replaceChildren();
    this.#before = "";
    this.#draw();
    if (!this.dialog.open) this.dialog.showModal();
    this.title.focus();
    this.#open = new AbortController();
    const signal = AbortSignal.any([this.#open.signal, this.#session.signal]);
    const freshness = new Freshness(this.dialog, find("[data-read]", this.dialog), signal);
    poll(() => this.#read(), SECONDS, { signal, freshness });
  }

  #draw() {
    const found = this.#all.find(({ name }) => name === this.#name);
    if (!found) return this.facts.replaceChildren();
    const { delivered_sequence: delivered, last_sequence: last, waiting, last_error: error } = found;
    const waits = waiting ? [countOf(waiting), ", since ", timeElement(found.oldest_waiting_at)] : ["none"];
    const pairs = [
      ["State", el("span", {}, standingChip(found), ` ${found.message}`)],
      ["Address", el("span", { class: "code" }, found.url)],
      ["Types", found.types.join(", ") || "all"],
      ["Delivered", delivered === null ? "nothing yet" : `${delivered} of ${last}`],
      ["Wait", el("span", {}, ...waits)],
      ["Next try", found.next_try_at && timeElement(found.next_try_at)],
      ["Last error", error && el("span", {}, `${error}, `, timeElement(found.last_error_at))],
    ];
    const list = definitions(pairs);
    if (!this.facts.firstChild?.isEqualNode(list)) this.facts.replaceChildren(list);
  }

  async #leaf(before) {
    this.#before = before;
    await this.#read().catch((error) => setText(this.alert, error.message));
  }

  async #read() {
    const name = this.#name;
    const wanted = { destination: name, limit: PAGE, status: this.status.value, before: this.#before };
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    const { api, signal } = this.#session;
    try {
      const page = await api.get(`/deliveries?${query}`, { signal, patience: READ_MS });
      if (name !== this.#name || wanted.before !== this.#before) return;
      setText(this.alert, "");
      this.#next = page.next_before;
      this.older.hidden = !this.#next;
      this.newest.hidden = !this.#before;
      this.list.show(page.items, this.#all.find((each) => each.name === name) ?? {});
    } catch (error) {
      if (name === this.#name && error.status === 404) setText(this.alert, error.message);
      throw error;
    }
  }

  async #send() {
    const name = this.#name;
    const { api, confirmation } = this.#session;
    const effects = [{ who: name, does: "is sent a signed event of which nothing happened" }];
    const terms = [el("p", { class: "hint" }, "It is sent once, and changes nothing of how the destination does.")];
    const question = { title: "Send a test event?", act: "Send it", effects, terms, from: this.test };
    if ((await confirmation.ask(question)) !== "done") return;
    this.title.focus();
    setClass(this.result, "note");
    setText(this.result, "Waiting for the answer.");
    try {
      const { data } = await api.post(`/event-destinations/${encodeURIComponent(name)}/test`, {});
      if (name === this.#name) this.#say(data);
    } catch (error) {
      if (name !== this.#name) return;
      setClass(this.result, "note wrong");
      setText(this.result, error.message);
    }
  }

  #say({ event_id: id, delivered, response_status: status, response, error, seconds }) {
    setClass(this.result, delivered ? "note good-text" : "note wrong");
    const words = delivered ? `It was taken: answered ${status}` : `It was not taken: ${error}`;
    const answer = response ? el("pre", { class: "code", tabindex: "0" }, response) : null;
    this.result.replaceChildren(`${words}, after ${seconds} s (`, el("span", { class: "code" }, id), ")", ...(answer ? [answer] : []));
  }
}
