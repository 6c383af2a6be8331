// The keys, the theme, the model's card.

import * as api from "./api.js";
import { ask, h } from "./dom.js";
import { markdown } from "./markdown.js";
import { remember, remembered } from "./store.js";
import { KEYS, VIEWS_KEYS } from "./viewer/keys.js";

const PAGE_KEYS = [["?", "This help"], ["Tab", "Next word, finding or control"], ["← →", "Along the words of the draft"],
  ["Enter", "Keep the map of a word or finding lit; again: let it go"], ["Esc", "No map; closes a dialog"]];

const table = (title, rows) => h("section", {}, h("h3", {}, title), h("table", { class: "keys" }, h("tbody", {},
  rows.map(([key, what]) => h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, what))))));

/** Overlay of keys. */
export function help() {
  return ask("Keys and gestures", () => [
    h("div", { class: "columns" },
      table("On the page", PAGE_KEYS),
      table("On an image that has the focus", [...KEYS, ...VIEWS_KEYS].map(([, key, what]) => [key, what])),
      table("Mouse and fingers", [["Wheel, pinch", "Zoom where you point"], ["Left drag", "Pan, or window and level"], ["Right drag", "Window (across) and level (down)"], ["Double click", "Zoom in, or fit"], ["Drop", "Files or folders anywhere: a new study"]])),
    h("label", { class: "choice" }, h("input", { type: "checkbox", checked: remembered("question", "on") === "on",
      onchange: (event) => remember("question", event.target.checked ? "on" : "off") }), "Let ? open this help from anywhere")], true);
}

/** What the model is, by its own card. */
export function modelCard() {
  return ask("The model", () => {
    const card = h("div", { class: "card" }, "Reading the card …");
    api.model().then((model) => card.replaceChildren(h("p", {}, "Bundle ", h("code", {}, model.bundle)), ...markdown(model.card || "It has no card.")),
      (error) => { card.textContent = error.message; });
    return card;
  }, true);
}

/** Dark, as reading rooms are, or light by choice. */
export function theme(button) {
  const set = (name) => {
    document.documentElement.dataset.theme = name;
    button.setAttribute("aria-pressed", String(name === "light"));
  };
  set(remembered("theme", "dark"));
  button.addEventListener("click", () => {
    const name = document.documentElement.dataset.theme === "light" ? "dark" : "light";
    set(name);
    remember("theme", name);
  });
}
