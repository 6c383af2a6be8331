// A study on its way: how far it is, and what can be done about it.

import { h } from "./dom.js";
import { bar } from "./worklist.js";

const WORDS = {
  waiting: ["Waiting for its turn", "Studies are sent one after the other."],
  sending: ["Sending", ""],
  held: ["The service is full", ""],
  queued: ["In the queue", "The service has it. You may close this page: the draft will be among the earlier studies."],
  running: ["Being read", "The model looks at the images and writes the draft."],
  cancelled: ["Cancelled", ""],
};

/** An item of the queue in the main place. */
export class Sending {
  element = h("section", { class: "state", "aria-labelledby": "state-title" });
  #queue;
  #state = null;
  #timer = 0;
  #listen = ({ detail }) => detail === this.item && this.#draw();

  constructor(item, queue) {
    this.item = item;
    this.#queue = queue;
    queue.addEventListener("change", this.#listen);
    this.#draw();
  }

  close() {
    this.#queue.removeEventListener("change", this.#listen);
    clearInterval(this.#timer);
  }

  #draw() {
    const { item } = this, state = `${item.state}${item.problem?.status ?? ""}`;
    if (state !== this.#state) {
      this.#state = state;
      clearInterval(this.#timer);
      this.element.replaceChildren(...(item.state === "failed" ? this.#failed() : this.#going()));
      if (item.state === "held") this.#timer = setInterval(() => this.#count(), 250);
    }
    const progress = this.element.querySelector("progress");
    if (progress) progress.value = item.sent;
    const share = this.element.querySelector(".share");
    if (share && item.state === "sending" && !item.example) share.textContent = `${Math.round(100 * item.sent)} % sent`;
    this.#count();
  }

  #count() {
    const left = this.element.querySelector(".left");
    if (left && this.item.until) left.textContent = String(Math.max(0, Math.ceil((this.item.until - Date.now()) / 1000)));
  }

  #going() {
    const { item } = this, [title, words] = WORDS[item.state] ?? [item.state, ""];
    const silent = item.problem && item.state !== "held";
    return [h("p", { class: "small" }, item.title), h("h1", { id: "state-title", role: "status" }, title), bar(item),
      item.state === "held" && h("p", {}, "It is sent again in ", h("span", { class: "left" }), " s; there is nothing you need do."),
      item.state === "held" && h("p", { class: "small" }, item.problem.message),
      silent ? h("p", { class: "warn", role: "alert" }, "The service does not answer just now. It accepted the study; this page goes on asking.")
        : words && h("p", { class: "small share" }, words),
      h("div", { class: "row" }, item.state === "held" && h("button", { type: "button", class: "main-action", onclick: () => this.#queue.hurry(item) }, "Try now"),
        !item.id && h("button", { type: "button", onclick: () => this.#queue.cancel(item) }, "Cancel"))].filter(Boolean);
  }

  #failed() {
    const { item } = this, { title, detail } = item.problem ?? { title: "This study failed", detail: "" };
    return [h("p", { class: "small" }, item.title), h("h1", { id: "state-title", class: "bad" }, `✕ ${title}`), h("p", { role: "alert" }, detail || "The service gave no reason."),
      h("div", { class: "row" }, h("button", { type: "button", class: "main-action", onclick: () => this.#queue.retry(item) }, "Try again"), h("a", { class: "button", href: "#/" }, "New study"))];
  }
}
