/* Owns messages beside form fields: a hint until something is wrong, then what would be right. */
import { setText } from "./dom.js";

export class Fields {
  #form;
  #hints = new Map();
  #first = new Map();

  /** Every named input is described by the element its aria-describedby names: the hint's place. */
  constructor(form) {
    this.#form = form;
    for (const input of form.elements) {
      const note = this.#note(input);
      if (note) this.#hints.set(note, note.textContent);
      input.addEventListener("input", () => this.#clear(input));
    }
  }

  clear() {
    for (const input of this.#form.elements) this.#clear(input);
  }

  /** Says `text` at an input while nothing is wrong there; without one what stood there first. */
  hint(input, text) {
    const note = this.#note(input);
    this.#first.set(note, this.#first.get(note) ?? this.#hints.get(note));
    this.#hints.set(note, text ?? this.#first.get(note));
    if (!input.hasAttribute("aria-invalid")) setText(note, this.#hints.get(note));
  }

  /**
   * Shows {field, message, hint} errors at their inputs and focuses the first.
   * Returns the messages of errors that belong to no input here.
   */
  show(errors) {
    const elsewhere = [];
    let first = null;
    for (const { field, message, hint } of errors) {
      const text = [message, hint].filter(Boolean).join(" ");
      const input = this.#form.elements.namedItem(String(field).split(/[./]/).pop());
      if (!input || !this.#note(input)) elsewhere.push(field ? `${field}: ${text}` : text);
      else {
        this.#mark(input, text);
        first ??= input;
      }
    }
    first?.focus();
    return elsewhere;
  }

  #mark(input, text) {
    const note = this.#note(input);
    input.setAttribute("aria-invalid", "true");
    note.classList.add("wrong");
    setText(note, text);
  }

  #clear(input) {
    const note = this.#note(input);
    if (!note || !input.hasAttribute("aria-invalid")) return;
    input.removeAttribute("aria-invalid");
    note.classList.remove("wrong");
    setText(note, this.#hints.get(note));
  }

  #note(input) {
    const id = input.getAttribute?.("aria-describedby");
    return id ? document.getElementById(id) : null;
  }
}
