/*
 * Owns what stands in the address of the page: filters, the page of the list, the open payment,
 * destination and account. Back and forward, a reload and a link sent to somebody else lead to the same view.
 */
const NAME = "Kurs console";

export class Address {
  #listeners = new Set();

  constructor() {
    addEventListener("popstate", () => this.#tell());
    this.#title();
  }

  get(name) {
    return new URLSearchParams(location.search).get(name) ?? "";
  }

  /**
   * Takes {name: value} into the address and tells whoever listens; an empty value leaves it.
   * What is typed letter by letter replaces the entry of the history instead of adding one.
   */
  set(changes, { replace = false } = {}) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const address = `${location.pathname}${query.size ? `?${query}` : ""}`;
    if (address === `${location.pathname}${location.search}`) return;
    history[replace ? "replaceState" : "pushState"](null, "", address);
    this.#tell();
  }

  /** `listener()` runs after each change, also by back and forward. */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  #tell() {
    this.#title();
    for (const listener of this.#listeners) listener();
  }

  #title() {
    const open = this.get("payment") || this.get("destination") || this.get("show");
    document.title = open ? `${open} · ${NAME}` : NAME;
  }
}
