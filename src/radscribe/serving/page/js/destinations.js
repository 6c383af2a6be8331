// Destinations at which results have not arrived, for all studies: there only while there is such a one.

import * as api from "./api.js";
import { h, time } from "./dom.js";

const SECONDS = 30; // from one look to the next

/** A section that looks by itself. A service without destinations is asked once. */
export class Destinations {
  #timer = 0;
  #again = true; // whether there is something to look for
  #list = h("ul", { class: "results" });
  #problem = h("p", { class: "bad", role: "alert" });

  element = h("section", { class: "history", "aria-labelledby": "destinations-title", hidden: true },
    h("h2", { id: "destinations-title" }, "Results not sent"), this.#list, this.#problem);

  async look(ask = api.destinations) {
    try {
      const { destinations } = await ask();
      this.#problem.textContent = "";
      const behind = destinations.filter(({ given_up, waiting, error }) => given_up || (waiting && error));
      this.element.hidden = !behind.length;
      this.#list.replaceChildren(...behind.map((one) => this.#row(one)));
      this.#again = destinations.length > 0;
    } catch (error) {
      // The list of studies says why the service does not answer; here only a button may fail.
      if (ask !== api.destinations) this.#problem.textContent = error.message;
    }
    clearTimeout(this.#timer);
    if (this.#again) this.#timer = setTimeout(() => this.look(), 1000 * SECONDS);
  }

  #row({ destination, configured, waiting, since, given_up, error }) {
    return h("li", {}, h("code", {}, destination),
      waiting > 0 && h("div", { class: "small warn" }, `○ ${waiting} waiting, the oldest since ${time(since)}`),
      given_up > 0 && h("div", { class: "small bad" }, `✕ ${given_up} given up`),
      error && h("div", { class: "small" }, error),
      configured ? h("button", { type: "button", onclick: (event) => {
        event.target.disabled = true;
        this.look(() => api.resendTo(destination)).finally(() => { event.target.disabled = false; });
      } }, "Send now") : h("div", { class: "small" }, "The service was started without this destination."));
  }
}
