// One image on its canvas: where it stands, which window it is seen through, and the map that lies over it.

import { h } from "../dom.js";
import { between, heat } from "./heat.js";

export const FULL = 65535;

/** The window that shows the whole range. */
const whole = () => ({ width: FULL, level: FULL / 2 });

/** A window within bounds. */
const bounded = ({ width, level }) => ({
  width: Math.min(Math.max(width, FULL / 256), 2 * FULL),
  level: Math.min(Math.max(level, 0), FULL),
});

/** The opaque grey (ABGR) of each of the 65,536 values: linear over the window, clamped (DICOM PS3.3 C.11.2.1.3.2). */
export function lookup({ width, level }, invert) {
  const table = new Uint32Array(FULL + 1), low = level - width / 2;
  for (let value = 0; value <= FULL; value++) {
    let grey = Math.round((255 * (value - low)) / width);
    grey = grey < 0 ? 0 : grey > 255 ? 255 : grey;
    if (invert) grey = 255 - grey;
    table[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return table;
}

/** Sizes and places are in pixels of the canvas; the image's point p is at `offset + scale * p`. */
export class Viewport {
  tool = "pan";
  opacity = 0.5;
  #pixels = null; // Uint16 [height, width]
  #picture = document.createElement("canvas"); // the image through its window
  #map = null;
  #overlay = null;
  #window = whole();
  #invert = false;
  #scale = 1;
  #offset = { x: 0, y: 0 };
  #fitted = true; // until the reader moves it, it follows the size of its place
  #stale = true;
  #drawing = 0;

  constructor(image, place, total) {
    const label = `${total > 1 ? `Image ${place + 1} of ${total}` : "Image"}${image.view && image.view !== "unknown" ? `, ${image.view}` : ""}`;
    this.image = image;
    this.canvas = h("canvas");
    this.note = h("p", { class: "view-note", role: "status" }, "Reading the image …");
    this.state = h("span", { class: "view-state" });
    this.readout = h("span", { class: "view-readout" });
    this.element = h("div", { class: "view", tabindex: "0", role: "application", "aria-roledescription": "image viewer",
      "aria-label": `${label}, ${image.name}`, "aria-describedby": "viewer-keys" },
      this.canvas, h("span", { class: "view-name" }, h("b", {}, label), h("span", {}, image.name)), this.state, this.readout, this.note);
    this.#resizer = new ResizeObserver(() => this.#resize());
    this.#resizer.observe(this.element);
  }

  #resizer;

  close() {
    this.#resizer.disconnect();
    cancelAnimationFrame(this.#drawing);
  }

  /** Show an image's pixels. */
  show({ pixels, width, height }) {
    this.#pixels = pixels;
    Object.assign(this.#picture, { width, height });
    this.note.hidden = true;
    this.#stale = true;
    this.fit();
  }

  /** Show why there is no image. `again`, if given, retries. */
  fail(text, again = null) {
    this.note.replaceChildren(text, again ? h("button", { type: "button", onclick: again }, "Try again") : "");
  }

  /** Lay a map over the image, or take it away. */
  light(rows, lit) {
    this.#map = rows ? { rows, lit } : null;
    this.#overlay = rows ? heat(rows, lit.top) : null;
    this.readout.textContent = "";
    this.draw();
  }

  get size() {
    return { width: this.#picture.width, height: this.#picture.height };
  }

  get zoomed() {
    return !this.#fitted;
  }

  /** Place of the pointer on the canvas. */
  at(event) {
    const box = this.canvas.getBoundingClientRect(), ratio = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  }

  get #centre() {
    return { x: this.canvas.width / 2, y: this.canvas.height / 2 };
  }

  get #fitting() {
    return Math.min(this.canvas.width / this.#picture.width, this.canvas.height / this.#picture.height);
  }

  zoom(factor, at = this.#centre) {
    this.#to(this.#scale * factor, at);
  }

  /** One pixel of the image on one of the screen. */
  actual() {
    this.#to(1, this.#centre);
  }

  #to(scale, at) {
    if (!this.#pixels) return;
    const next = Math.min(Math.max(scale, 0.5 * this.#fitting), Math.max(32, this.#fitting));
    const ratio = next / this.#scale;
    this.#offset = { x: at.x - ratio * (at.x - this.#offset.x), y: at.y - ratio * (at.y - this.#offset.y) };
    this.#scale = next;
    this.#moved();
  }

  pan(x, y) {
    this.#offset = { x: this.#offset.x + x, y: this.#offset.y + y };
    this.#moved();
  }

  #moved() {
    if (!this.#pixels) return;
    this.#fitted = false;
    // A piece of the image stays in sight.
    const keep = 40, bound = (offset, image, canvas) => Math.min(Math.max(offset, keep - image), canvas - keep);
    this.#offset = { x: bound(this.#offset.x, this.#scale * this.#picture.width, this.canvas.width),
      y: bound(this.#offset.y, this.#scale * this.#picture.height, this.canvas.height) };
    this.draw();
  }

  fit() {
    if (!this.#pixels) return;
    this.#scale = this.#fitting;
    this.#offset = { x: (this.canvas.width - this.#scale * this.#picture.width) / 2, y: (this.canvas.height - this.#scale * this.#picture.height) / 2 };
    this.#fitted = true;
    this.draw();
  }

  /** Change the window by shares of the whole range. */
  window(width, level) {
    this.#window = bounded({ width: this.#window.width + width * FULL, level: this.#window.level + level * FULL });
    this.#stale = true;
    this.draw();
  }

  invert() {
    this.#invert = !this.#invert;
    this.#stale = true;
    this.draw();
  }

  reset() {
    this.#window = whole();
    this.#invert = false;
    this.#stale = true;
    this.fit();
  }

  /** Tell the value of the image and of the map under the pointer. */
  point(at) {
    const x = Math.floor((at.x - this.#offset.x) / this.#scale), y = Math.floor((at.y - this.#offset.y) / this.#scale);
    const { width, height } = this.size;
    if (!this.#pixels || x < 0 || y < 0 || x >= width || y >= height) {
      this.readout.textContent = "";
      return;
    }
    const grey = `${((100 * this.#pixels[y * width + x]) / FULL).toFixed(1)} % bright`;
    const value = this.#map && between(this.#map.rows, (x + 0.5) / width, (y + 0.5) / height);
    this.readout.textContent = this.#map ? `${this.#map.lit.title} ${this.#map.lit.show(value)} · ${grey}` : grey;
  }

  #resize() {
    const ratio = window.devicePixelRatio || 1, box = this.element.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    if (this.#fitted && this.#pixels) this.fit();
    else this.draw();
  }

  draw() {
    this.#drawing ||= requestAnimationFrame(() => {
      this.#drawing = 0;
      if (this.#pixels) this.#paint();
    });
  }

  #paint() {
    if (this.#stale) this.#develop();
    const context = this.canvas.getContext("2d"), { width, height } = this.size;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(this.#scale, 0, 0, this.#scale, this.#offset.x, this.#offset.y);
    context.imageSmoothingEnabled = this.#scale < 4; // beyond that the reader looks at pixels
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#picture, 0, 0);
    if (this.#overlay && this.opacity > 0) {
      context.globalAlpha = this.opacity;
      context.imageSmoothingEnabled = true;
      context.drawImage(this.#overlay, 0, 0, width, height);
      context.globalAlpha = 1;
    }
    const share = (value) => Math.round((100 * value) / FULL);
    this.state.textContent = `W ${share(this.#window.width)} % · L ${share(this.#window.level)} % · ${Math.round(100 * this.#scale)} %${this.#invert ? " · inverted" : ""}`;
    this.element.dataset.zoomed = String(this.zoomed);
  }

  /** The image through its window, at its own size. */
  #develop() {
    const context = this.#picture.getContext("2d"), { width, height } = this.size;
    const data = context.createImageData(width, height), out = new Uint32Array(data.data.buffer);
    const table = lookup(this.#window, this.#invert), pixels = this.#pixels;
    for (let i = 0; i < out.length; i++) out[i] = table[pixels[i]];
    context.putImageData(data, 0, 0);
    this.#stale = false;
  }
}
