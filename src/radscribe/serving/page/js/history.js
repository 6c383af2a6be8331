// Old studies: search, pages, open, delete.

import * as api from "./api.js";
import { ask, h, named, say, time } from "./dom.js";
import { standing } from "./status.js";

const PAGE = 20;

/** The list of what the service keeps. Dispatches "open" and "deleted" with the id as detail. */
export class History extends EventTarget {
  #list = h("ul", { class: "studies", "aria-label": "Earlier studies" });
  #note = h("p", { class: "small", role: "status" });
  #more = h("button", { type: "button", hidden: true, onclick: () => this.#load() }, "Show more");
  #search = h("input", { type: "search", id: "search", placeholder: "Search …", oninput: () => this.#typed() });
  #before = "";
  #turn = 0; // answers that come after a newer question are dropped
  #timer = 0;
  #current = null;

  element = h("section", { class: "history", "aria-labelledby": "history-title" },
    h("h2", { id: "history-title" }, "Earlier studies"),
    h("label", { for: "search", class: "unseen" }, "Search earlier studies"), this.#search,
    this.#list, this.#note, this.#more);

  /** Reload the list from its start. */
  refresh() {
    this.#before = "";
    return this.#load();
  }

  /** Mark the study that is open. */
  set current(id) {
    this.#current = id;
    for (const link of this.#list.querySelectorAll("a")) link.toggleAttribute("aria-current", link.dataset.id === id);
    for (const link of this.#list.querySelectorAll("[aria-current]")) link.setAttribute("aria-current", "page");
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), 250);
  }

  async #load() {
    const turn = ++this.#turn, first = !this.#before, query = this.#search.value.trim();
    if (first && !this.#list.children.length) this.#note.textContent = "Reading the list …";
    try {
      const { captions, next } = await api.list({ query, before: this.#before, limit: PAGE });
      if (turn !== this.#turn) return;
      if (first) this.#list.replaceChildren();
      this.#list.append(...captions.map((caption) => this.#row(caption)));
      this.#before = next ?? "";
      this.#more.hidden = !next;
      const none = first && !captions.length;
      this.#note.textContent = !none ? "" : query ? `No study matches “${query}”.` : "No studies yet. Captioned studies appear here.";
    } catch (error) {
      if (turn === this.#turn) this.#note.textContent = `${error.title ?? "The list could not be read"}. ${error.detail ?? ""}`;
    }
  }

  #row(caption) {
    const text = caption.reviews?.at(-1)?.text ?? caption.caption?.text ?? caption.caption?.refused ?? caption.caption?.error ?? "";
    return h("li", {},
      h("a", { href: `#/study/${encodeURIComponent(caption.id)}`, "data-id": caption.id,
        "aria-current": caption.id === this.#current ? "page" : null },
        h("span", { class: "name" }, named(caption)),
        h("span", { class: "excerpt" }, text),
        h("span", { class: "row spread small" }, standing(caption), h("time", { datetime: caption.created }, time(caption.created)))),
      h("button", { type: "button", class: "quiet remove", "aria-label": `Delete ${named(caption)}`, title: "Delete",
        onclick: () => this.remove(caption) }, "✕"));
  }

  /** Delete a study after asking. */
  async remove(study) {
    const sure = await ask("Delete this study?", (close) => [
      h("p", {}, `${named(study)}: its images are removed from the service, and it leaves lists, search and exports. This cannot be undone.`),
      h("div", { class: "row" }, h("button", { type: "button", class: "danger", onclick: () => close(true) }, "Delete"),
        h("button", { type: "button", autofocus: true, onclick: () => close(false) }, "Keep"))]);
    if (!sure) return;
    try {
      await api.remove(study.id);
    } catch (error) {
      this.#note.textContent = `Not deleted. ${error.message}`;
      return;
    }
    say("Deleted");
    this.dispatchEvent(new CustomEvent("deleted", { detail: study.id }));
    await this.refresh();
    this.#search.focus();
  }
}
