// The draft as words that one can point at or tab through.

import { h, percent, plain } from "./dom.js";
import { peak } from "./evidence.js";

const SAID = { present: "said to be present", absent: "said to be absent", uncertain: "left open" };

/** The text with a button for each word that has evidence. */
export function captionWords(caption, evidence, selection) {
  const text = h("p", { class: "caption", id: "draft" }), kinds = new Set();
  let at = 0;
  for (const [index, token] of placed(caption)) {
    text.append(caption.text.slice(at, token.start));
    text.append(word(caption.text.slice(token.start, token.end), token, evidence.word(index), selection, kinds));
    at = token.end;
  }
  text.append(caption.text.slice(at));
  text.addEventListener("keydown", walk);
  return h("div", { class: "draft" }, text, key(kinds));
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

/** How sure the bundle is that what the draft asserts is right. */
export function confidence({ confidence: value, text }) {
  if (!text) return null;
  if (value === undefined) return null;
  if (value === null) return h("p", { class: "confidence small" }, "This model gives no confidence in a whole draft.");
  return h("div", { class: "confidence" }, h("span", {}, "Confidence in what it asserts"),
    h("span", { class: "gauge", "aria-hidden": "true", vars: { "--p": value } }), h("b", {}, percent(value)));
}
