// A study that the service has: its images, its draft, what stands beside it.

import * as api from "./api.js";
import { alternatives, captionWords, confidence } from "./caption.js";
import { h, named, time } from "./dom.js";
import { Evidence } from "./evidence.js";
import { exports } from "./export.js";
import { findings } from "./findings.js";
import { Results } from "./results.js";
import { Review } from "./review.js";
import { Selection } from "./selection.js";
import { standing } from "./status.js";
import { Views } from "./viewer/views.js";

/** A study on the page. `on` has `reviewed(study)`, `remove(study)` and `model()`. */
export class StudyView {
  #study;
  #views;
  #review = null;
  #results;
  #standing = h("span");

  constructor(study, on) {
    this.#study = study;
    this.#results = new Results(study);
    const evidence = new Evidence(study), selection = new Selection();
    this.escape = () => selection.pin(null);
    this.#views = study.images.every((image) => image.error) ? null : new Views(study, evidence, selection);
    this.element = h("div", { class: `study ${this.#views ? "" : "unseen-study"}` }, this.#views?.element,
      h("article", { class: "report", "aria-label": "Draft" }, this.#parts(evidence, selection, on)));
  }

  close() {
    this.#views?.close();
    this.#results.close();
  }

  #head(on) {
    this.#standing.replaceChildren(standing(this.#study));
    const { superseded_by: later } = this.#study;
    return h("header", { class: "study-head" }, h("h1", {}, named(this.#study)),
      later && h("p", { class: "bad" }, "There is a newer draft of this study. ", h("a", { href: `#/study/${encodeURIComponent(later)}` }, "Open the newer draft"), "."),
      h("div", { class: "row spread small" }, h("span", { class: "row" }, this.#standing, h("time", { datetime: this.#study.created }, time(this.#study.created))),
        h("button", { type: "button", class: "quiet", onclick: () => on.remove(this.#study) }, "Delete")));
  }

  /** What was seen, and what the reader makes of it. */
  #parts(evidence, selection, on) {
    const { caption } = this.#study, about = [notes(caption), provenance(caption, on)];
    if (!caption.text) return h("div", { class: "parts" }, this.#head(on), nothing(this.#study, on.open), about);
    this.#review = new Review(this.#study);
    this.#review.addEventListener("reviewed", ({ detail }) => {
      this.#study = detail;
      this.#standing.replaceChildren(standing(detail));
      on.reviewed(detail);
      this.#results.refresh();
    });
    return [h("div", { class: "parts" }, this.#head(on),
      h("section", { class: "part", "aria-labelledby": "draft-title" }, h("h2", { id: "draft-title" }, "Draft"),
        captionWords(caption, evidence, selection), confidence(caption), exports(() => this.#study, this.#views)),
      alternatives(caption, (text) => this.#review.edit(text)),
      findings(caption, evidence, selection)),
    h("div", { class: "parts" }, this.#review.element, this.#results.element, about)];
  }
}

/** Why there is no draft, and what to do. */
function nothing({ id, caption, status }, open) {
  const refused = status === "refused" || caption.refused;
  return h("section", { class: `part verdict ${refused ? "refused" : "failed"}`, role: "group", "aria-labelledby": "verdict-title" },
    h("h2", { id: "verdict-title" }, refused ? "⊘ Refused: no draft was written" : "✕ This study could not be read"),
    h("p", {}, caption.refused ?? caption.error ?? "The service gave no reason."),
    h("p", { class: "small" }, hint(refused, caption)), refused && recaptions({ id, caption }, open));
}

/** Ways on from a refusal. The new study carries a warning; the refused one stays as it is. */
function recaptions({ id, caption }, open) {
  const failed = h("p", { class: "bad", role: "alert" });
  const button = (text, fields) => h("button", { type: "button", onclick: async (event) => {
    event.target.disabled = true;
    try {
      open(await api.recaption(id, { ...fields, evidence: "true", n_best: "3" }));
    } catch (error) {
      failed.textContent = `Not captioned. ${error.message}`;
      event.target.disabled = false;
    }
  } }, text);
  const low = /confidence/i.test(caption.refused), inverted = /invert|negative|black and white/i.test(caption.refused);
  return h("div", {}, h("div", { class: "row" }, inverted && button("Invert and caption", { invert: "true" }),
    !low && button("Caption anyway", { force: "true" })), failed);
}

function hint(refused, caption) {
  if (!refused) return "Check the file and send it again; other studies are not affected.";
  if (/confidence/i.test(caption.refused)) return "You can change the least confidence in the options of a new study.";
  return "radscribe captions upright chest radiographs with bright bones. A draft of anything else is not reliable.";
}

/** Warnings, and the images that were left out. */
function notes(caption) {
  const left = Object.entries(caption.left_out ?? {});
  const warnings = (caption.warnings ?? []).filter((warning) => !warning.startsWith("left out:") && !/not verified, not for diagnosis/.test(warning));
  if (!warnings.length && !(left.length && caption.text)) return null;
  return h("section", { class: "part notes", "aria-labelledby": "notes-title" }, h("h2", { id: "notes-title" }, "Warnings"),
    h("ul", {}, warnings.map((warning) => h("li", {}, warning)),
      caption.text && left.map(([file, why]) => h("li", {}, h("b", {}, `Left out: ${file}. `), why.startsWith(file) ? why.slice(file.length).replace(/^[:\s]+/, "") : why))));
}

function provenance(caption, on) {
  return h("p", { class: "small provenance" }, "Model ", h("button", { type: "button", class: "link", onclick: on.model }, h("code", {}, caption.bundle)));
}
