// Which map belongs to a word or a finding, what it means, and where it is highest, in words.

import { percent, plain } from "./dom.js";

const TOP = 4; // shares are shown in multiples of an even spread, 0 to this
const EVEN = "1× is an even share";

/**
 * What can be lit: { key, kind, title, meaning, top, show, maps }. `maps` gives rows of cells by the number of the image;
 * a value of `top` has the last colour of the scale, and `show` writes a value.
 */
export class Evidence {
  #caption;
  #entries; // [number of the image, its evidence]

  constructor(study) {
    this.#caption = study.caption ?? {};
    this.#entries = pair(this.#caption.evidence ?? [], study.images ?? []);
  }

  /** Whether image `n` had a part in the caption, as far as the evidence says. */
  has(n) {
    return !this.#entries.length || this.#entries.some(([number]) => number === n);
  }

  finding(name) {
    if (!((this.#caption.findings?.[name] ?? 1) >= 0.005)) return null; // at 0 % there is nothing to see
    const maps = this.#maps((entry) => entry.findings?.[name]);
    if (!maps) return null;
    const lit = { key: `finding:${name}`, kind: "Finding", title: plain(name), maps };
    if (!this.#by("findings_from", "grad-cam")) return { ...lit, meaning: "calibrated probability in each cell", top: 1, show: percent };
    for (const [n, rows] of maps) maps.set(n, scaled(rows, rows.length * rows[0].length));
    return { ...lit, meaning: `what speaks for it in each cell (Grad-CAM), ${EVEN}`, top: TOP, show: times };
  }

  /** Where the model looked, if it tells; else the map of the finding that the word speaks of; else null. */
  word(index) {
    const token = this.#caption.tokens[index];
    const maps = this.#maps((entry) => entry.words?.[index]);
    if (!maps) {
      const lit = token.finding && this.finding(token.finding);
      return lit ? { ...lit, key: `word:${index}`, word: token.text } : null;
    }
    // An even spread gives each cell of the study, over all images, the same share.
    const cells = [...maps.values()].reduce((sum, rows) => sum + rows.length * rows[0].length, 0);
    for (const [n, rows] of maps) maps.set(n, scaled(rows, cells));
    const [kind, what] = this.#by("words_from", "grad-cam") ? ["Word", "what speaks for it in each cell (Grad-CAM)"] : ["Attention", "share of each cell"];
    return { key: `word:${index}`, kind, title: `“${token.text}”`, meaning: `${what}, ${EVEN}`, top: TOP, show: times, maps };
  }

  #by(key, method) {
    return this.#entries.some(([, entry]) => entry[key] === method);
  }

  #maps(of) {
    const found = this.#entries.map(([n, entry]) => [n, of(entry)]).filter(([, rows]) => rows?.length);
    return found.length ? new Map(found) : null;
  }
}

const times = (x) => `${x.toFixed(1)}×`;
const scaled = (rows, factor) => rows.map((row) => row.map((share) => share * factor));

/** Evidence names a file; images of one name are told apart by their order. */
function pair(evidence, images) {
  const free = new Set(images.keys());
  return evidence.map((entry, place) => {
    const index = [...free].find((i) => images[i].name === entry.file || images[i].n === entry.n) ?? place;
    free.delete(index);
    return [images[index]?.n ?? place, entry];
  });
}

/** The highest cell in words: "98 % at the lower left of image 1". Left is the image's left, the patient's right. */
export function peak(lit) {
  let best = { value: -1 };
  for (const [n, rows] of lit.maps) {
    rows.forEach((row, y) => row.forEach((value, x) => {
      if (value > best.value) best = { value, n, x: (x + 0.5) / row.length, y: (y + 0.5) / rows.length };
    }));
  }
  const vertical = ["upper", "", "lower"][Math.min(Math.floor(3 * best.y), 2)];
  const horizontal = ["left", "", "right"][Math.min(Math.floor(3 * best.x), 2)];
  const where = `${vertical} ${horizontal}`.trim() || "middle";
  return `highest ${lit.show(best.value)}, ${where} of ${lit.maps.size > 1 ? `image ${best.n + 1}` : "the image"}`;
}
