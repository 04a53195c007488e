/*
 * Owns whether somebody is reading in the payment stream: it was paused, scrolled away from its
 * top, entered by keyboard, or a pointer moves in it.
 */
const RESTING_MS = 20_000;

export class Reading {
  #reasons = new Set();
  #onChange;

  /** `onChange()` runs when a reason came or went. */
  constructor({ body, region, pause }, onChange) {
    this.#onChange = onChange;
    this.#listenPointer(body);
    body.addEventListener("focusin", ({ target }) =>
      this.#hold("focus", target.matches(":focus-visible")),
    );
    body.addEventListener("focusout", () => this.#hold("focus", false));
    const scrolled = () => this.#hold("scroll", region.scrollTop > 8);
    region.addEventListener("scroll", scrolled, { passive: true });
    pause.addEventListener("click", () => {
      const pressed = pause.getAttribute("aria-pressed") !== "true";
      pause.setAttribute("aria-pressed", String(pressed));
      this.#hold("paused", pressed);
    });
  }

  /** Why the rows stand still, or "" when they do not. */
  get why() {
    if (this.#reasons.has("paused")) return "Paused";
    return this.#reasons.size ? "Held while you read" : "";
  }

  /** A pointer that merely lies over the rows is not reading; one that moves is, for a while. */
  #listenPointer(body) {
    let resting = 0;
    const moved = (on) => {
      clearTimeout(resting);
      this.#hold("pointer", on);
      if (on) resting = setTimeout(moved, RESTING_MS, false);
    };
    body.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && (event.movementX || event.movementY)) moved(true);
    });
    body.addEventListener("pointerleave", () => moved(false));
  }

  #hold(why, on) {
    if (on === this.#reasons.has(why)) return;
    if (on) this.#reasons.add(why);
    else this.#reasons.delete(why);
    this.#onChange();
  }
}
