// As much Markdown as model cards use: headings, paragraphs, lists, tables, code, bold.

import { h } from "./dom.js";

/** Elements of a text. */
export function markdown(text) {
  return text.replaceAll("\r", "").split(/\n{2,}|\n(?=#)|(?<=^#.*)\n/m).filter((block) => block.trim()).map((block) => {
    const lines = block.trim().split("\n");
    const heading = /^(#+)\s+(.*)/.exec(lines[0]);
    if (heading) return h(heading[1].length > 1 ? "h4" : "h3", {}, inline(heading[2]));
    if (lines[0].startsWith("|")) return table(lines);
    if (lines[0].startsWith("```")) return h("pre", {}, lines.slice(1, -1).join("\n"));
    if (/^[-*] /.test(lines[0])) return h("ul", {}, block.trim().split(/\n(?=[-*] )/).map((item) => h("li", {}, inline(item.slice(2)))));
    return h("p", {}, inline(lines.join(" ")));
  });
}

function table(lines) {
  const cells = (line) => line.replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));
  const [head, , ...body] = lines;
  return h("div", { class: "wide-table", tabindex: "0", role: "group", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, body.map((line) => h("tr", {}, cells(line).map((cell) => h("td", {}, cell)))))));
}

const inline = (text) => text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => (part.startsWith("**") ? h("b", {}, part.slice(2, -2))
  : part.startsWith("`") ? h("code", {}, part.slice(1, -1)) : part.replace(/\[([^\]]+)\]\([^)]+\)/g, "$1")));
