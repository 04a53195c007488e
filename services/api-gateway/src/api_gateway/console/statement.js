/* Owns the statement of an account: a period, and its entries as a CSV file. */
import { find, setText } from "./dom.js";
import { download } from "./download.js";

export class Statement {
  #id = "";

  constructor(form, api) {
    const place = find("[data-progress]", form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const path = `/accounts/${encodeURIComponent(this.#id)}/statement.csv?${period(form.elements)}`;
      try {
        await download(api, path, `statement-${this.#id}.csv`, place);
      } catch (error) {
        setText(place, error.message);
      }
    });
    this.place = place;
  }

  /** The account that a statement is made of. */
  show(id) {
    if (id !== this.#id) this.place.replaceChildren();
    this.#id = id;
  }
}

/** Whole days by the clock of this computer; the last one is in it. */
function period({ first, last }) {
  const query = new URLSearchParams();
  if (first.value) query.set("created_after", new Date(`${first.value}T00:00`).toISOString());
  if (last.value) {
    const end = new Date(`${last.value}T00:00`);
    end.setDate(end.getDate() + 1);
    query.set("created_before", end.toISOString());
  }
  return query;
}
