// The way in: drop or choose files, or take an example.

import * as api from "./api.js";
import { h } from "./dom.js";
import { fromDrop, grouped, title } from "./files.js";
import { remember, remembered } from "./store.js";

const ACCEPT = ".dcm,.dicom,.png,.jpg,.jpeg,.bmp,.tif,.tiff,.webp,application/dicom,image/*";

/** The first page. `take(items)` gets what to send. */
export function uploadForm(take) {
  const chooser = h("input", { type: "file", id: "files", class: "unseen", multiple: true, accept: ACCEPT, tabindex: "-1", "aria-hidden": "true" });
  chooser.addEventListener("change", async () => {
    const files = [...chooser.files];
    chooser.value = "";
    take(await items(files));
  });
  const examples = h("div", { class: "examples" });
  fillExamples(examples, take);
  return h("section", { class: "welcome", "aria-labelledby": "welcome-title" },
    h("h1", { id: "welcome-title" }, "A first draft of what a chest radiograph shows"),
    h("div", { class: "target" }, chooser,
      h("button", { type: "button", class: "main-action", id: "choose", onclick: () => chooser.click() }, "Choose files"),
      h("p", {}, "or drop DICOM, PNG, JPEG, TIFF, BMP or WebP files or folders anywhere on this page")),
    groupChoice(),
    options(),
    examples,
    h("p", { class: "small" }, "Files go to the service that gave you this page and to nowhere else. ",
      "The draft is written by a research model: check every word of it."));
}

/** What was dropped on the page, as items to send. */
export const dropped = async (transfer) => items(await fromDrop(transfer));

async function items(files) {
  const { studies, notes } = await grouped(files, how());
  if (notes.length) tell(notes);
  return studies.map((files) => ({ title: title(files), files, fields: { ...fields(), indication: indication() } }));
}

function tell(notes) {
  const notice = document.getElementById("notice");
  notice.hidden = false;
  notice.textContent = `${notes.join(". ")}.`;
}

/** How several files become studies. All in one is never remembered: the next drop may be another patient. */
let all = false;
const how = () => (all ? "study" : remembered("group", "auto") === "each" ? "each" : "auto");

function groupChoice() {
  const choice = (value, text) => h("label", { class: "choice" },
    h("input", { type: "radio", name: "group", value, checked: how() === value,
      onchange: () => { all = value === "study"; if (!all) remember("group", value); } }), text);
  all = false;
  return h("fieldset", { class: "group" }, h("legend", {}, "Several files are"),
    choice("auto", "a study each, unless the DICOM header or a known file name puts them together"),
    choice("each", "always a study each"), choice("study", "views of one study"));
}

let defaultBeam = ""; // the service's own; it is not sent

/** Why the study was asked for: of the next studies alone, as it is personal data, so it is never remembered. */
const indication = () => document.getElementById("option-indication")?.value.trim() ?? "";

const fields = () => ({
  beam: remembered("beam"), n_best: remembered("n_best", "3"), evidence: "true", min_confidence: remembered("min_confidence"),
});

/** Show the service's default in the field that is left empty. */
async function showDefaults() {
  try {
    defaultBeam = String((await api.model()).defaults.beam);
    document.getElementById("option-beam")?.setAttribute("placeholder", defaultBeam);
  } catch { // the notice at the top says that the service does not answer
  }
}

function options() {
  showDefaults();
  const number = (key, text, hint, attributes) => h("div", { class: "field" }, h("label", { for: `option-${key}` }, text),
    h("input", { type: "number", id: `option-${key}`, value: fields()[key], "aria-describedby": `hint-${key}`, ...attributes,
      onchange: (event) => { if (event.target.reportValidity()) remember(key, event.target.value); balance(key); } }),
    h("small", { id: `hint-${key}` }, hint));
  const why = h("div", { class: "field" }, h("label", { for: "option-indication" }, "Indication"),
    h("input", { type: "text", id: "option-indication", maxlength: 1000, autocomplete: "off", "aria-describedby": "hint-indication" }),
    h("small", { id: "hint-indication" }, "Why the films were asked for, if the model reads it. Never required; kept and deleted with the study."));
  return h("details", { class: "options" }, h("summary", {}, "Options"), h("div", { class: "fields" }, why,
    number("beam", "Beam width", "Captions that the search keeps at a time; 1 is greedy.", { min: 1, max: 10, placeholder: defaultBeam }),
    number("n_best", "Captions to show", "The draft and its alternatives.", { min: 1, max: 10, required: true }),
    number("min_confidence", "Least confidence", "0 to 1. A draft with less confidence is refused. Empty: never.", { min: 0, max: 1, step: 0.05 })));
}

/** No more captions than the beam holds: the number that was not just set gives way. */
function balance(key) {
  const beam = document.getElementById("option-beam"), shown = document.getElementById("option-n_best");
  const width = Number(beam.value || defaultBeam);
  if (!width || Number(shown.value) <= width) return;
  const [from, to, name] = key === "beam" ? [beam, shown, "n_best"] : [shown, beam, "beam"];
  to.value = from.value || defaultBeam;
  remember(name, to.value);
}

function exampleButton({ id, title: text, images }, take) {
  const canvas = h("canvas", { width: 128, height: 128, "aria-hidden": "true" });
  if (images?.[0]) api.picture(images[0]).then((bitmap) => canvas.getContext("2d").drawImage(bitmap, 0, 0, 128, 128), () => canvas.remove());
  return h("button", { type: "button", onclick: () => take([{ title: text, example: id, fields: fields() }]) }, canvas, h("span", {}, text));
}

async function fillExamples(place, take) {
  try {
    const { examples } = await api.examples();
    if (!examples.length) return;
    place.append(h("h2", { id: "examples-title" }, "Or try a film or a drawn chest"), h("ul", { "aria-labelledby": "examples-title" },
      examples.map((example) => h("li", {}, exampleButton(example, take)))),
      h("p", { class: "note" }, "Films: NIH ChestX-ray14, NIH Clinical Center (Wang et al., CVPR 2017), with NIH's labels."));
  } catch { // the notice at the top says that the service does not answer; examples are a convenience
    place.hidden = true;
  }
}
