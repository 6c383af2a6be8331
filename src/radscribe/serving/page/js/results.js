// Where the results of a study went: each destination, what has arrived there and what still waits.

import * as api from "./api.js";
import { h, time } from "./dom.js";

const FIRST = 1, LAST = 15; // seconds from one look to the next while something waits

/** The results of a study that came in by DICOM. Empty where there is no destination. */
export class Results {
  #study;
  #timer = 0;
  #pause = FIRST;
  #list = h("ul", { class: "results" });
  #again = h("button", { type: "button", hidden: true, onclick: () => this.#retry() }, "Send now");
  #problem = h("p", { class: "bad", role: "alert" });

  constructor(study) {
    this.#study = study;
    this.element = h("section", { class: "part", "aria-labelledby": "results-title", hidden: true },
      h("h2", { id: "results-title" }, "Sent to"), this.#list, this.#again, this.#problem);
    this.#show(study.results ?? []);
  }

  /** Look again now: a review has added results. */
  refresh() {
    this.#pause = FIRST;
    return this.#look();
  }

  close() {
    clearTimeout(this.#timer);
  }

  async #look(ask = api.results) {
    clearTimeout(this.#timer);
    try {
      this.#show((await ask(this.#study.id)).results);
      this.#problem.textContent = "";
    } catch (error) {
      this.#problem.textContent = error.message;
    }
  }

  async #retry() {
    this.#again.disabled = true;
    await this.#look(api.resend);
    this.#pause = FIRST;
    this.#again.disabled = false;
  }

  #show(results) {
    const parcels = Map.groupBy(results, ({ destination, version }) => JSON.stringify([version, destination]));
    this.element.hidden = !results.length;
    this.#list.replaceChildren(...[...parcels.values()].map((parcel) => row(parcel)));
    const waits = results.some(({ state }) => state === "waiting");
    this.#again.hidden = !results.some(({ state, attempts }) => state === "failed" || (state === "waiting" && attempts));
    if (waits) this.#timer = setTimeout(() => this.#look(), 1000 * this.#pause);
    this.#pause = Math.min(1.5 * this.#pause, LAST);
  }
}

/** One version at one destination. */
function row(parcel) {
  const [{ destination, version }] = parcel;
  const of = (wanted) => parcel.filter(({ state }) => state === wanted), sent = of("sent"), obsolete = of("obsolete");
  const kinds = (results) => results.map(({ kind }) => kind).join(", ");
  const last = sent.map((result) => result.sent).sort().at(-1);
  return h("li", {},
    h("div", { class: "row spread small" }, h("b", {}, version ? `Verified text (review ${version})` : "Draft"), h("code", {}, destination)),
    sent.length > 0 && h("div", { class: "small" }, `✓ arrived: ${kinds(sent)}, ${time(last)}`),
    of("waiting").map(({ kind, attempts, error }) => h("div", { class: `small ${error ? "warn" : ""}` },
      error ? `○ ${kind} waits after ${tries(attempts)}: ${why(error, destination)}` : `○ ${kind} is to be sent`)),
    of("failed").map(({ kind, attempts, error }) => h("div", { class: "small bad" }, `✕ ${kind} given up after ${tries(attempts)}: ${why(error, destination)}`)),
    obsolete.length > 0 && h("div", { class: "small" }, `– not sent, because a later version has arrived: ${kinds(obsolete)}`));
}

const tries = (count) => `${count} ${count === 1 ? "try" : "tries"}`;

const why = (error, destination) => (error.startsWith(`${destination}: `) ? error.slice(destination.length + 2) : error);
