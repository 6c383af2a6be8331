// The images of a study: side by side or one at a time, with their tools and the legend of the map.

import * as api from "../api.js";
import { h } from "../dom.js";
import { gestures } from "./gestures.js";
import { keys } from "./keys.js";
import { Legend } from "./legend.js";
import { Viewport } from "./viewport.js";

const NARROW = 600; // side by side needs more than this width

/** The viewer of one study. */
export class Views {
  tool = "pan";
  #viewports;
  #active = 0;
  #together;
  #lit = null;
  #stop = new AbortController();
  #buttons = {};

  constructor(study, evidence, selection) {
    this.#viewports = study.images.map((image, place) => new Viewport(image, place, study.images.length));
    this.#together = window.innerWidth > NARROW;
    this.legend = new Legend(() => this.#relight());
    this.grid = h("div", { class: "grid" }, this.#viewports.map((view) => view.element));
    this.element = h("section", { class: "viewer", "aria-label": "Images" }, this.#toolbar(), this.grid, this.legend.element,
      h("p", { id: "viewer-keys", class: "unseen" }, "Plus and minus zoom, arrows move, Shift and arrows change window and level, I inverts, R resets. The Keys button lists all."));
    for (const view of this.#viewports) {
      gestures(view, () => this.#activate(view));
      keys(view, this);
      view.element.addEventListener("focus", () => this.#activate(view));
      if (!evidence.has(view.image.n) && !view.image.error) view.element.append(h("span", { class: "view-out" }, "No part in the draft"));
      this.#load(study.id, view);
    }
    selection.addEventListener("change", () => { this.#lit = selection.lit; this.#relight(); });
    this.#arrange();
  }

  close() {
    this.#stop.abort();
    for (const view of this.#viewports) view.close();
  }

  /** Make the page ready to be printed: the pinned map, not a passing one, lies on the images. */
  describe() {
    this.#relight();
  }

  async #load(id, view) {
    if (view.image.error) return view.fail(view.image.error);
    try {
      view.show(await api.pixels(id, view.image.n, this.#stop.signal));
    } catch (error) {
      if (error.name === "AbortError") return;
      view.fail(error.message, () => this.#load(id, view));
    }
  }

  #toolbar() {
    const button = (name, text, action, more = {}) => {
      this.#buttons[name] = h("button", { type: "button", onclick: action, ...more }, text);
      return this.#buttons[name];
    };
    const active = (action) => () => action(this.#viewports[this.#active]);
    const several = this.#viewports.length > 1;
    return h("div", { class: "tools", role: "toolbar", "aria-label": "Tools of the image" },
      button("pan", "Pan", () => this.useTool("pan"), { "aria-pressed": "true" }),
      button("window", "Window", () => this.useTool("window"), { "aria-pressed": "false", title: "Drag: right widens the window, down raises the level" }),
      h("span", { class: "gap" }),
      button("out", "−", active((view) => view.zoom(0.8)), { "aria-label": "Zoom out" }),
      button("in", "+", active((view) => view.zoom(1.25)), { "aria-label": "Zoom in" }),
      button("fit", "Fit", active((view) => view.fit())),
      button("actual", "1:1", active((view) => view.actual()), { "aria-label": "1:1, one image pixel on one of the screen" }),
      h("span", { class: "gap" }),
      button("invert", "Invert", active((view) => view.invert())),
      button("reset", "Reset", active((view) => view.reset())),
      several && [h("span", { class: "gap" }),
        button("layout", "Side by side", () => this.toggleLayout(), { "aria-pressed": "true", class: "together" }),
        button("previous", "‹", () => this.step(-1), { "aria-label": "Previous image", class: "step" }),
        button("next", "›", () => this.step(1), { "aria-label": "Next image", class: "step" })]);
  }

  useTool(tool) {
    this.tool = tool;
    for (const view of this.#viewports) {
      view.tool = tool;
      view.element.dataset.tool = tool;
    }
    for (const name of ["pan", "window"]) this.#buttons[name].setAttribute("aria-pressed", String(name === tool));
  }

  toggleMap() {
    this.legend.toggle();
  }

  toggleLayout() {
    if (this.#viewports.length < 2) return;
    this.#together = !this.#together;
    this.#arrange();
  }

  /** Go to another image, keyboard and all. */
  step(by) {
    this.#active = (this.#active + by + this.#viewports.length) % this.#viewports.length;
    this.#arrange();
    this.#viewports[this.#active].element.focus();
  }

  #activate(view) {
    this.#active = this.#viewports.indexOf(view);
    this.#arrange();
  }

  #arrange() {
    this.grid.dataset.together = String(this.#together);
    this.grid.style.setProperty("--views", Math.min(this.#viewports.length, 4));
    this.#viewports.forEach((view, place) => {
      view.element.classList.toggle("active", place === this.#active && this.#viewports.length > 1);
      view.element.hidden = !this.#together && place !== this.#active;
    });
    this.#buttons.layout?.setAttribute("aria-pressed", String(this.#together));
  }

  #relight() {
    const lit = this.legend.on ? this.#lit : null;
    this.legend.tell(lit, this.legend.on ? undefined : "Maps are off.");
    for (const view of this.#viewports) {
      view.opacity = this.legend.opacity;
      view.light(lit?.maps.get(view.image.n) ?? null, lit);
    }
    // With one image in sight, show the one that the map lies on.
    if (lit && !this.#together && !lit.maps.has(this.#viewports[this.#active].image.n)) {
      this.#active = Math.max(0, this.#viewports.findIndex((view) => lit.maps.has(view.image.n)));
      this.#arrange();
    }
  }
}
