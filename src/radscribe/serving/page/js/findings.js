// The findings as bars of calibrated probability, each a way to its map.

import { h, percent, plain } from "./dom.js";

const RANK = ["absent", "uncertain", "present"];

/** A row for each finding, the likeliest first. */
export function findings(caption, evidence, selection) {
  const names = Object.keys(caption.findings ?? {}).sort((a, b) => caption.findings[b] - caption.findings[a]);
  if (!names.length) return null;
  const said = statuses(caption.tokens ?? []);
  const rows = names.map((name) => row(name, caption.findings[name], standing(name, caption, said), evidence.finding(name), selection));
  const likely = names.filter((name) => caption.findings[name] >= 0.1 || standing(name, caption, said)[2]).length;
  const shown = Math.max(likely, 4), more = rows.slice(shown);
  const list = h("ul", { class: "findings" }, rows.slice(0, shown));
  return h("section", { class: "part", "aria-labelledby": "findings-title" },
    h("h2", { id: "findings-title" }, "Findings, calibrated probability"), list,
    more.length ? h("details", { class: "rest" }, h("summary", {}, `${more.length} more, less likely`), h("ul", { class: "findings" }, more)) : null);
}

/** What the text says of each finding: an assertion anywhere counts over doubt, and doubt over denial. */
function statuses(tokens) {
  const said = {};
  for (const { finding, status } of tokens) if (finding && status && !(RANK.indexOf(said[finding]) > RANK.indexOf(status))) said[finding] = status;
  return said;
}

/** Sign, words and kind of where the draft stands to a finding. */
function standing(name, caption, said) {
  if (caption.doubtful_findings?.includes(name)) return ["?", "asserted, doubtful", "warn"];
  if (caption.unsaid_findings?.includes(name)) return ["!", "likely, not said", "warn"];
  return { present: ["✓", "asserted", "said"], uncertain: ["~", "left open", "said"], absent: ["–", "denied", ""] }[said[name]] ?? ["", "", ""];
}

function row(name, probability, [sign, words, kind], lit, selection) {
  const content = [
    h("span", { class: `sign ${kind}`, "aria-hidden": "true" }, sign),
    h("span", { class: "finding-name" }, plain(name), words && h("span", { class: `standing ${kind}` }, ` ${words}`)),
    h("span", { class: "probability" }, percent(probability)),
    h("span", { class: "gauge", "aria-hidden": "true", vars: { "--p": probability } })];
  if (!lit) return h("li", { class: "finding", title: "There is no map of this finding" }, content);
  const button = h("button", { type: "button", class: "finding" }, content);
  selection.bind(button, lit);
  return h("li", {}, button);
}
