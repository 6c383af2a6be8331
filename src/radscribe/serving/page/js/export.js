// Exports: the draft and the reader's text as a copy, text, JSON, or through the browser's print.

import { h, named, percent, plain, say, stamp } from "./dom.js";
import { asserts, sections } from "./caption.js";

export const DISCLAIMER = "Draft by a research model: not verified, not for diagnosis.";

/** What leaves: the last accepted text, else the draft; and who stands for it. */
function final(study) {
  const last = study.reviews?.at(-1);
  return last?.decision === "accept"
    ? { text: last.text, by: `Accepted by ${last.reviewer}, ${stamp(last.created)}. Drafted by a research model: not for diagnosis.` }
    : { text: study.caption.text, by: last ? `${DISCLAIMER} Rejected by ${last.reviewer}, ${stamp(last.created)}.` : DISCLAIMER };
}

/** The buttons. `now()` gives the study, `views` its images as they are seen. */
export function exports(now, views) {
  const note = h("span", { class: "small", role: "status" });
  const name = () => named(now()).replace(/\.\w{1,5}$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(-80);
  const action = (text, what) => h("button", { type: "button", onclick: async () => {
    try {
      note.textContent = (await what()) ?? "";
    } catch (error) {
      note.textContent = `That did not work: ${error.message}`;
    }
    say(note.textContent);
  } }, text);
  return h("div", { class: "row exports" },
    action("Copy", async () => {
      const { text, by } = final(now()), { caption } = now();
      await copy(`${text === caption.text ? withSections(caption) : text}\n\n${by}`);
      return "Copied, with the line that says what it is.";
    }),
    action("Text", () => save(new Blob([asText(now())], { type: "text/plain;charset=utf-8" }), `${name()}.txt`)),
    action("JSON", () => save(new Blob([asJson(now())], { type: "application/json" }), `${name()}.json`)),
    action("PDF or print", () => { views?.describe(); window.print(); }), note);
}

function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = h("textarea", { class: "unseen", value: text }); // plain HTTP from another machine has no clipboard
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("the browser does not let this page copy");
}

/** The draft with its sections' names. */
function withSections(caption) {
  let text = "", at = 0;
  for (const [start, name] of sections(caption)) {
    text += `${caption.text.slice(at, start).trimEnd()}\n${name}: `;
    at = start;
  }
  return (text + caption.text.slice(at)).trim();
}

/** What the text export holds: [style, line]. The draft and the reader's text both stand in it. */
function lines(study) {
  const { caption } = study, { text, by } = final(study), last = study.reviews?.at(-1);
  const ordered = Object.entries(caption.findings ?? {}).sort((a, b) => b[1] - a[1]);
  const edited = last && last.text.trim() !== caption.text.trim();
  return [["title", named(study)], ["small", by],
    ...(edited ? [["head", last.decision === "accept" ? `Text accepted by ${last.reviewer}` : `Text of ${last.reviewer}, draft rejected`], ["text", last.text.trim()]] : []),
    ["head", edited ? "Draft by the model, before the edit" : text === caption.text ? "Draft" : "Text"], ["text", withSections(caption)],
    ...(last?.comment ? [["row", `Comment: ${last.comment}`]] : []),
    ...confidenceLines(caption, edited),
    ["head", "Findings, calibrated probability"], ...ordered.map(([finding, p]) => ["row", `${plain(finding)}: ${percent(p)}`]),
    ...(caption.warnings?.length ? [["head", "Warnings"], ...caption.warnings.filter((warning) => warning !== DISCLAIMER).map((warning) => ["row", warning])] : []),
    ["small", `Model ${caption.bundle}. Captioned ${stamp(study.finished ?? study.created)}. Images: ${study.images.map((image) => image.name).join(", ")}`]];
}

function confidenceLines(caption, edited) {
  const { confidence, normality } = caption;
  const lines = [];
  if (asserts(caption) && Number.isFinite(confidence)) lines.push(`Confidence that everything the model's draft asserts is right: ${percent(confidence)}. It does not refer to ${edited ? "the edited text" : "what the draft denies or leaves out"}.`);
  if (Number.isFinite(normality)) lines.push(`Probability that no finding is there, by the model: ${percent(normality)}.`);
  return lines.map((line) => ["small", line]);
}

/** Readable: a row of numbers stays in one line. */
const asJson = (study) => JSON.stringify(study, null, 1).replace(/\[[\s\d.,eE+-]+\]/g, (row) => row.replace(/\s+/g, ""));

const asText = (study) => `${lines(study).map(([style, line]) => ({ head: `\n${line}`, row: `  ${line}`, text: `\n${line}\n`, title: `${line}\n` }[style] ?? line)).join("\n")}\n`;
