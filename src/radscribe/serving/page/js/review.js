// The reader's part: edit the draft, accept or reject it. The draft itself is never overwritten.

import * as api from "./api.js";
import { diff } from "./diff.js";
import { h, say, time } from "./dom.js";
import { decisionMark } from "./status.js";
import { remember, remembered } from "./store.js";

const SHARED = new Set(["", "local", "token"]); // actors that say nothing about the person
const unfinished = new Map(); // study → text that is not saved, so that a look at another study loses nothing

/** Whether something would be lost with this tab. */
export const unsaved = () => unfinished.size > 0;

/** The editor of a study. `text` is what stands in it; dispatches "reviewed" with the study that the service now has. */
export class Review extends EventTarget {
  #study;
  #editor = h("textarea", { id: "edit", spellcheck: "true", lang: "en", maxlength: 20000, oninput: () => this.#changed() });
  #diff = h("p", { class: "diff", "aria-live": "off" });
  #reviewer = h("input", { id: "reviewer", autocomplete: "name", maxlength: 200 });
  #comment = h("input", { id: "comment", maxlength: 4000 });
  #problem = h("p", { class: "bad", role: "alert" });
  #buttons = ["accept", "reject"].map((decision) => h("button", { type: "button", "data-decision": decision,
    class: decision === "accept" ? "main-action" : null, onclick: () => this.#decide(decision) }, decision === "accept" ? "Accept" : "Reject"));
  #reviews = h("div");

  constructor(study) {
    super();
    this.#study = study;
    this.#reviewer.value = remembered("reviewer");
    this.#editor.value = unfinished.get(study.id) ?? this.#saved;
    this.element = h("section", { class: "part review", "aria-labelledby": "review-title" }, h("h2", { id: "review-title" }, "Your reading"),
      h("div", { class: "field" }, h("label", { for: "edit" }, "Edit the draft"), this.#editor), this.#diff,
      h("div", { class: "fields" }, h("div", { class: "field" }, h("label", { for: "reviewer" }, "Reviewer"), this.#reviewer),
        h("div", { class: "field" }, h("label", { for: "comment" }, "Comment (optional)"), this.#comment)),
      h("div", { class: "row" }, this.#buttons, h("button", { type: "button", class: "quiet", onclick: () => this.edit(study.caption.text) }, "Back to the draft")),
      this.#problem, this.#reviews);
    this.#changed();
    this.#past();
  }

  get text() {
    return this.#editor.value.trim();
  }

  get #saved() {
    return (this.#study.reviews?.at(-1)?.text ?? this.#study.caption.text).trim();
  }

  /** Put a text into the editor. */
  edit(text) {
    this.#editor.value = text;
    this.#changed();
    this.#editor.focus();
  }

  #changed() {
    const edited = this.text !== this.#study.caption.text.trim(), changed = this.text !== this.#saved;
    if (changed) unfinished.set(this.#study.id, this.text);
    else unfinished.delete(this.#study.id);
    this.#diff.replaceChildren(...(edited && changed ? [h("span", { class: "small" }, "Against the draft: "), ...this.#marked(this.text)] : []));
    this.#buttons[0].textContent = edited ? "Accept as edited" : "Accept";
  }

  async #decide(decision) {
    const reviewer = this.#reviewer.value.trim();
    const missing = !reviewer ? [this.#reviewer, "Enter the name of the reviewer."] : decision === "accept" && !this.text ? [this.#editor, "There is no text to accept."] : null;
    this.#problem.textContent = missing?.[1] ?? "";
    this.#reviewer.setAttribute("aria-invalid", String(missing?.[0] === this.#reviewer));
    if (missing) return missing[0].focus();
    remember("reviewer", reviewer);
    for (const button of this.#buttons) button.disabled = true;
    try {
      const { reviews, version } = await api.review(this.#study.id, { text: this.text, decision, reviewer, comment: this.#comment.value.trim(), version: this.#study.version ?? 0 });
      this.#study = { ...this.#study, reviews, version };
      this.#comment.value = "";
      this.#changed();
      this.#past();
      say(decision === "accept" ? "Accepted" : "Rejected");
      this.dispatchEvent(new CustomEvent("reviewed", { detail: this.#study }));
    } catch (error) {
      this.#problem.textContent = `Not saved. ${error.message}`;
      if (error.status === 409) await this.#reread();
    } finally {
      for (const button of this.#buttons) button.disabled = false;
    }
  }

  /** Somebody else reviewed it meanwhile: show that, and keep what stands in the editor. */
  async #reread() {
    const { reviews, version } = await api.caption(this.#study.id);
    this.#study = { ...this.#study, reviews, version };
    this.#changed();
    this.#past();
  }

  #past() {
    const reviews = [...(this.#study.reviews ?? [])].reverse();
    const trail = h("ul", { class: "trail small" });
    this.#reviews.replaceChildren(h("ul", { class: "reviews" }, reviews.map((review) => h("li", {},
      h("div", { class: "row spread small" }, decisionMark(review.decision), h("span", {}, `${review.reviewer}${SHARED.has(review.actor ?? "") ? "" : ` (signed in as ${review.actor})`}, ${time(review.created)}`)),
      h("p", {}, this.#marked(review.text ?? "")),
      review.comment && h("p", { class: "small" }, `“${review.comment}”`)))),
      h("details", { class: "audit", ontoggle: (event) => event.target.open && this.#audit(trail) }, h("summary", {}, "Audit trail"), trail));
  }

  /** A text with what it takes from and adds to the draft. */
  #marked(text) {
    return diff(this.#study.caption.text, text).map(([kind, part]) => (kind === "same" ? part : h(kind === "added" ? "ins" : "del", {}, part)));
  }

  async #audit(place) {
    try {
      const { audit } = await api.audit(this.#study.id);
      place.replaceChildren(...audit.map(({ at, action, actor }) => h("li", {}, `${time(at)} · ${action}${actor ? ` · ${actor}` : ""}`)));
    } catch (error) {
      place.replaceChildren(h("li", {}, error.message));
    }
  }
}
