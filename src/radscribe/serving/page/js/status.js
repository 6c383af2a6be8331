// The states of a study, each a sign and a word: colour is never alone.

import { h } from "./dom.js";

const STATES = {
  waiting: ["○", "waiting here", ""], sending: ["↑", "sending", ""], held: ["◷", "service full", "warn"],
  queued: ["○", "in the queue", ""], running: ["◐", "being read", ""], done: ["●", "draft ready", ""],
  refused: ["⊘", "refused", "warn"], failed: ["✕", "failed", "bad"], cancelled: ["–", "cancelled", ""],
};
const DECISIONS = { accept: ["✓", "accepted", "good"], reject: ["✗", "rejected", "bad"] };

const mark = ([sign, word, kind]) => h("span", { class: `status ${kind}` }, h("span", { "aria-hidden": "true" }, sign), ` ${word}`);

export const statusMark = (state) => mark(STATES[state] ?? ["?", state, ""]);
export const decisionMark = (decision) => mark(DECISIONS[decision] ?? ["?", decision, ""]);

/** Where a study stands for the list: its last review, else its state. */
export function standing(caption) {
  const last = caption.reviews?.at(-1);
  return last ? decisionMark(last.decision) : statusMark(caption.status);
}
