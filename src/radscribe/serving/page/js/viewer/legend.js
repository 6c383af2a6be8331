// What the colours on the image mean.

import { h } from "../dom.js";
import { peak } from "../evidence.js";
import { colour } from "./heat.js";
import { remember, remembered } from "../store.js";

/** The legend under the images; `change({ on, opacity })` hears its controls. */
export class Legend {
  on = true;
  opacity = Number(remembered("opacity", "0.5"));
  #title = h("p", { class: "legend-title" });
  #ticks = h("div", { class: "ticks small", "aria-hidden": "true" });
  #bar = h("canvas", { width: 256, height: 1, role: "img" });
  #switch;
  #change;

  constructor(change) {
    this.#change = change;
    this.#switch = h("button", { type: "button", class: "switch", "aria-pressed": "true", onclick: () => this.toggle() }, "Map");
    const slider = h("input", { type: "range", id: "opacity", min: 0.1, max: 1, step: 0.05, value: String(this.opacity), "aria-label": "Opacity of the map",
      oninput: () => { this.opacity = Number(slider.value); remember("opacity", slider.value); change(); } });
    this.element = h("div", { class: "legend" }, this.#title, this.#switch,
      h("div", { class: "scale" }, this.#bar, this.#ticks), h("label", { class: "opacity small" }, "Opacity", slider));
    const context = this.#bar.getContext("2d");
    for (let x = 0; x < 256; x++) {
      context.fillStyle = `rgb(${colour(x / 255)})`;
      context.fillRect(x, 0, 1, 1);
    }
    this.tell(null);
  }

  toggle() {
    this.on = !this.on;
    this.#switch.setAttribute("aria-pressed", String(this.on));
    this.#change();
  }

  get text() {
    return this.#title.textContent;
  }

  /** Say what is lit. */
  tell(lit, none = "Point at a word or a finding to see its map.") {
    this.element.dataset.lit = String(Boolean(lit));
    if (!lit) {
      this.#title.replaceChildren(none);
      this.#title.removeAttribute("title");
      return;
    }
    this.#title.replaceChildren(h("b", {}, `${lit.kind}: ${lit.title}`), h("span", { class: "small" }, ` ${lit.meaning}; ${peak(lit)}`));
    this.#title.title = this.text;
    const ticks = [0, 0.5, 1].map((share) => lit.show(share * lit.top));
    if (lit.top > 1) ticks[2] = `≥${ticks[2]}`;
    this.#ticks.replaceChildren(...ticks.map((tick) => h("span", {}, tick)));
    this.#bar.setAttribute("aria-label", `Scale from ${ticks[0]} to ${ticks[2]}, always the same`);
  }
}
