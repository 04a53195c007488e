/*
 * Owns the gateway's table of currencies: how many decimals an amount has, and what can be paid.
 * What the table does not name is not judged here: the server has the last word.
 */
export class Currencies {
  #table = new Map();

  /** Reads the table; without an answer nothing is known, and nothing is refused for it. */
  async load(api, signal) {
    const { currencies } = await api.get("/currencies", { signal });
    this.#table = new Map(currencies.map((each) => [each.code, each]));
  }

  /** The decimals of a currency's amounts, undefined when they are not known. */
  decimals(code) {
    return this.#table.get(code)?.decimals;
  }

  name(code) {
    return this.#table.get(code)?.name ?? code;
  }

  /** The codes in which new payments may be made, by code. */
  payable() {
    return [...this.#table.values()].filter(({ payable }) => payable).map(({ code }) => code);
  }
}
