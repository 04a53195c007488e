/*
 * Owns the list of deliveries: of each what was sent, what was answered, when it is tried next, and
 * a button to send it again. A delivery that changed is drawn anew, and stays open and focused.
 */
import { definitions, el, setText } from "./dom.js";
import { left, timeElement } from "./time.js";

/** `onSent()` runs after one was sent again; {show(deliveries, destination)}. */
export function deliveryList(place, session, onSent) {
  const rows = new Map();
  const empty = el("p", { class: "hint" });

  function show(items, destination) {
    const ids = new Set(items.map(({ delivery_id: id }) => id));
    for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
    for (const item of items) {
      const id = item.delivery_id;
      if (!rows.has(id)) rows.set(id, new Row(session, onSent));
      rows.get(id).update(item, destination);
    }
    setText(empty, items.length ? "" : "No deliveries.");
    const wanted = [...items.map(({ delivery_id: id }) => rows.get(id).element), empty];
    const same = wanted.length === place.children.length && wanted.every((node, at) => node === place.children[at]);
    if (same) return;
    const focused = document.activeElement;
    place.replaceChildren(...wanted);
    if (place.contains(focused)) focused.focus();
  }

  return { show };
}

class Row {
  #session;
  #onSent;
  #shown = "";

  constructor(session, onSent) {
    this.#session = session;
    this.#onSent = onSent;
    this.summary = el("summary");
    this.note = el("p", { class: "note", role: "status" });
    this.body = el("div", { class: "delivery" });
    this.element = el("details", {}, this.summary, this.body);
  }

  update(item, destination) {
    const told = JSON.stringify([item, destination.url]);
    if (told === this.#shown) return;
    this.#shown = told;
    const focused = this.body.contains(document.activeElement);
    const at = item.delivered_at ?? item.tried_at ?? item.created_at;
    this.summary.replaceChildren(chip(item), ` ${item.type} `, el("span", { class: "hint" }, `${item.sequence}, `, timeElement(at)));
    this.body.replaceChildren(
      definitions(this.#facts(item)),
      el("h4", {}, "Request"),
      pre(`POST ${destination.url ?? ""}\nwebhook-id: ${item.event_id}\n\n${sent(item)}`),
      ...(item.response ? [el("h4", {}, "Answer"), pre(item.response)] : []),
      ...this.#again(item),
      this.note,
    );
    if (focused) this.summary.focus();
  }

  #facts(item) {
    const { attempts, replays, next_try_at: next, response_status: status, error } = item;
    const open = { click: () => this.#session.address.set({ payment: item.payment_id, destination: "" }) };
    const seconds = (Date.parse(next) - Date.now()) / 1000;
    return [
      ["Payment", item.payment_id && el("button", { type: "button", class: "link code", on: open }, item.payment_id)],
      ["Before it", item.previous_sequence ?? "nothing"],
      ["Due since", timeElement(item.created_at)],
      ["Tried", item.tried_at && el("span", {}, `${times(attempts)}, last `, timeElement(item.tried_at))],
      ["Answered", error ?? status],
      ["Delivered", item.delivered_at && timeElement(item.delivered_at)],
      ["Next try", next && el("span", {}, timeElement(next), seconds > 1 ? `, in ${left(seconds)}` : "")],
      ["Sent again", replays ? `asked for ${times(replays)}` : null],
    ];
  }

  #again(item) {
    if (!this.#session.who.may("webhooks")) return [];
    const button = el("button", { type: "button" }, "Send again");
    button.addEventListener("click", () => this.#send(item, button));
    return [el("p", { class: "buttons" }, button)];
  }

  async #send({ delivery_id: id, destination, type, sequence }, from) {
    const { api, confirmation } = this.#session;
    const effects = [{ who: destination, does: "is sent again", sum: `${type} ${sequence}` }];
    const terms = [el("p", { class: "hint" }, "The same bytes, marked as sent again.")];
    const question = { title: "Send this event again?", act: "Send it again", effects, terms, from };
    if ((await confirmation.ask(question)) !== "done") return;
    this.summary.focus();
    try {
      await api.post(`/deliveries/${encodeURIComponent(id)}/redeliver`, {});
      setText(this.note, "It is sent again as soon as those before it of its payment were taken.");
      await this.#onSent();
    } catch (error) {
      setText(this.note, error.message);
    }
  }
}

function times(count) {
  return count === 1 ? "once" : `${count} times`;
}

function chip({ status, attempts }) {
  if (status === "delivered") return el("span", { class: "chip good" }, "Delivered");
  return attempts ? el("span", { class: "chip warn" }, "Not taken yet") : el("span", { class: "chip info" }, "Waits");
}

/** The body as it is sent, in lines: the event, and before it what came before it. */
function sent({ previous_sequence: before, event }) {
  return JSON.stringify({ previous_sequence: before, ...JSON.parse(event) }, null, 2);
}

function pre(text) {
  return el("pre", { class: "code", tabindex: "0" }, text);
}
