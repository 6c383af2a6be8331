// What this tab has sent and where each stands.

import { h } from "./dom.js";
import { FINAL } from "./queue.js";
import { statusMark } from "./status.js";

/** The list of the queue's items; `open(item)` shows one. It is there only while it has something to tell. */
export function worklist(queue, open) {
  const list = h("ul", { class: "studies", "aria-label": "Studies in progress" });
  const section = h("section", { class: "worklist", hidden: true, "aria-labelledby": "worklist-title" },
    h("h2", { id: "worklist-title" }, "In progress"), list);
  const rows = new Map();
  queue.addEventListener("change", ({ detail: item }) => {
    const settled = (item.state === "failed" && !item.id) ? false : FINAL.has(item.state) || item.state === "cancelled";
    if (settled || !queue.items.includes(item)) {
      rows.get(item)?.remove();
      rows.delete(item);
      queue.items = queue.items.filter((other) => other !== item);
    } else {
      if (!rows.has(item)) {
        rows.set(item, h("li"));
        list.append(rows.get(item));
      }
      fill(rows.get(item), item, queue, open);
    }
    section.hidden = rows.size === 0;
  });
  return section;
}

/** Redraw a row only when what it says has changed: a focused button must not be taken away. */
function fill(row, item, queue, open) {
  if (row.dataset.state !== item.state) {
    row.dataset.state = item.state;
    const failed = item.state === "failed";
    row.replaceChildren(
      h("button", { type: "button", class: "quiet open", onclick: () => open(item) },
        h("span", { class: "name" }, item.title), h("span", { class: "small" }, statusMark(item.state))),
      failed ? h("button", { type: "button", class: "quiet remove", "aria-label": `Dismiss ${item.title}`, title: "Dismiss", onclick: () => queue.forget(item) }, "✕")
        : h("button", { type: "button", class: "quiet remove", "aria-label": `Cancel ${item.title}`, title: "Cancel", onclick: () => queue.cancel(item) }, "✕"),
      failed ? "" : bar(item));
  }
  const progress = row.querySelector("progress");
  if (progress) progress.value = item.sent;
}

/** How far an item is: measured while it is sent, moving while the service has it. */
export function bar(item) {
  if (item.state === "sending" && !item.example) return h("progress", { max: 1, value: item.sent, "aria-label": `${item.title}: sent` });
  if (["queued", "running", "sending"].includes(item.state)) return h("div", { class: "working", role: "progressbar", "aria-label": `${item.title}: ${item.state}` });
  return "";
}
