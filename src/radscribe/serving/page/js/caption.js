// The draft as words that one can point at or tab through.

import { h, percent, plain } from "./dom.js";
import { peak } from "./evidence.js";

const SAID = { present: "said to be present", absent: "said to be absent", uncertain: "left open" };

/** The text with a button for each word that has evidence. */
export function captionWords(caption, evidence, selection) {
  const text = h("p", { class: "caption", id: "draft" }), kinds = new Set(), headings = new Map(sections(caption));
  let at = 0;
  const plainText = (to) => {
    for (const [start, name] of headings) {
      if (start < at || start > to) continue;
      text.append(caption.text.slice(at, start), h("b", { class: "section-name" }, name));
      headings.delete(start);
      at = start;
    }
    text.append(caption.text.slice(at, to));
  };
  for (const [index, token] of placed(caption)) {
    plainText(token.start);
    text.append(word(caption.text.slice(token.start, token.end), token, evidence.word(index), selection, kinds));
    at = token.end;
  }
  plainText(caption.text.length);
  text.addEventListener("keydown", walk);
  return h("div", { class: "draft" }, text, key(kinds));
}

/** Where each section starts in the text, and its name. Empty if the draft has no sections. */
export function sections({ text, sections: parts }) {
  const found = Object.entries(parts ?? {}).filter(([, part]) => part?.trim());
  let at = 0;
  return found.map(([name, part]) => {
    const start = text.indexOf(part.trim(), at);
    at = Math.max(at, start);
    return [start, name[0].toUpperCase() + name.slice(1)];
  }).filter(([start]) => start >= 0);
}

/** Tokens that are words and stand somewhere in the text, in its order. */
function placed({ text, tokens }) {
  let at = 0;
  return [...tokens.entries()].filter(([, { start, end }]) => {
    const good = Number.isInteger(start) && start >= at && end > start && /[\p{L}\p{N}]/u.test(text.slice(start, end));
    if (good) at = end;
    return good;
  });
}

function word(text, token, lit, selection, kinds) {
  const status = token.finding && token.status;
  const said = [token.finding && `${plain(token.finding)}, ${SAID[status] ?? "mentioned"}`, token.doubtful && "doubtful", lit && peak(lit)];
  const classes = `word ${status ? `is-${status}` : ""} ${token.doubtful ? "doubtful" : ""}`;
  if (status) kinds.add(status);
  if (token.doubtful) kinds.add("doubtful");
  const description = said.filter(Boolean).join("; ");
  if (!lit) return h("span", { class: classes, title: description || null }, text);
  const button = h("button", { type: "button", class: classes, "aria-description": description, title: description }, text);
  selection.bind(button, lit);
  return button;
}

/** Arrow keys walk along the words, so that Tab is not the only way. */
function walk(event) {
  const words = [...event.currentTarget.querySelectorAll("button")], here = words.indexOf(event.target);
  const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: words.length - 1 }[event.key];
  if (here < 0 || to === undefined) return;
  event.preventDefault();
  words[Math.min(Math.max(to, 0), words.length - 1)].focus();
}

function key(kinds) {
  const entries = [["present", "asserted"], ["absent", "denied"], ["uncertain", "left open"], ["doubtful", "doubtful: the probability speaks against it"]];
  const shown = entries.filter(([kind]) => kinds.has(kind));
  return shown.length ? h("p", { class: "key small" }, shown.map(([kind, meaning]) => h("span", {},
    h("span", { class: `word ${kind === "doubtful" ? kind : `is-${kind}`}`, "aria-hidden": "true" }, "word"), ` ${meaning}`))) : null;
}

/** The other captions of the search, by falling rank. `use(text)` puts one into the editor. */
export function alternatives(caption, use) {
  if (!caption.alternatives?.length) return null;
  return h("details", { class: "part" }, h("summary", {}, `Alternatives (${caption.alternatives.length})`),
    h("ol", { class: "alternatives" },
    caption.alternatives.map(({ text }) => h("li", {}, h("p", {}, text), h("button", { type: "button", onclick: () => use(text) }, "Edit this one")))));
}

/** Whether the draft asserts a finding: one that only denies has nothing that the confidence could be about. */
export const asserts = ({ tokens }) => (tokens ?? []).some(({ finding, status }) => finding && status === "present");

/** The probability that belongs to a draft and its meaning: confidence if it asserts a finding, otherwise normality. */
export function trust(caption) {
  const { confidence, normality } = caption;
  if (asserts(caption) && Number.isFinite(confidence)) return ["Confidence in what it asserts", confidence];
  return Number.isFinite(normality) ? ["Probability that no finding is there", normality] : null;
}

/** A gauge of how far the draft may be trusted. */
export function confidence(caption) {
  if (!caption.text) return null;
  const known = trust(caption);
  if (known) {
    const [meaning, value] = known;
    return h("div", { class: "confidence" }, h("span", {}, meaning),
      h("span", { class: "gauge", "aria-hidden": "true", vars: { "--p": value } }), h("b", {}, percent(value)));
  }
  return caption.confidence === null && asserts(caption)
    ? h("p", { class: "confidence small" }, "This model gives no confidence in a whole draft.") : null;
}
