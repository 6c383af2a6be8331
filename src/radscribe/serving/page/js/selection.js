// What is lit on the images: what the pointer or focus is on, else what was pinned.

/** Dispatches "change" when what is lit or pinned changes. Things that can be lit have a `key`. */
export class Selection extends EventTarget {
  pinned = null;
  #passing = null;

  get lit() {
    return this.#passing ?? this.pinned;
  }

  pass(lit) {
    this.#passing = lit;
    this.dispatchEvent(new Event("change"));
  }

  /** Pin, or unpin what is pinned. */
  pin(lit) {
    this.pinned = lit && this.pinned?.key !== lit.key ? lit : null;
    this.#passing = null;
    this.dispatchEvent(new Event("change"));
  }

  /** Let a button light something: hover and focus for a while, click and Enter until the next. */
  bind(button, lit) {
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.pass(lit));
    button.addEventListener("pointerleave", () => this.pass(null));
    button.addEventListener("focus", () => button.matches(":focus-visible") && this.pass(lit));
    button.addEventListener("blur", () => this.pass(null));
    button.addEventListener("click", () => this.pin(lit));
    this.addEventListener("change", () => {
      button.setAttribute("aria-pressed", String(this.pinned?.key === lit.key));
      button.classList.toggle("lit", this.lit?.key === lit.key);
    });
  }
}
