// The keys, the theme, the model's card.

import * as api from "./api.js";
import { ask, h } from "./dom.js";
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

/** Elements of a text in as much Markdown as model cards use: headings, paragraphs, lists, tables, code, bold. */
function markdown(text) {
  return text.replaceAll("\r", "").split(/\n{2,}|\n(?=#)|(?<=^#.*)\n/m).filter((block) => block.trim()).map((block) => {
    const lines = block.trim().split("\n");
    const heading = /^(#+)\s+(.*)/.exec(lines[0]);
    if (heading) return h(heading[1].length > 1 ? "h4" : "h3", {}, inline(heading[2]));
    if (lines[0].startsWith("|")) return markdownTable(lines);
    if (lines[0].startsWith("```")) return h("pre", {}, lines.slice(1, -1).join("\n"));
    if (/^[-*] /.test(lines[0])) return h("ul", {}, block.trim().split(/\n(?=[-*] )/).map((item) => h("li", {}, inline(item.slice(2)))));
    return h("p", {}, inline(lines.join(" ")));
  });
}

function markdownTable(lines) {
  const cells = (line) => line.replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));
  const [head, , ...body] = lines;
  return h("div", { class: "wide-table", tabindex: "0", role: "group", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, body.map((line) => h("tr", {}, cells(line).map((cell) => h("td", {}, cell)))))));
}

const inline = (text) => text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => (part.startsWith("**") ? h("b", {}, part.slice(2, -2))
  : part.startsWith("`") ? h("code", {}, part.slice(1, -1)) : part.replace(/\[([^\]]+)\]\([^)]+\)/g, "$1")));
