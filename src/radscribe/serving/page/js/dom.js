// Elements without a framework.

/** Build an element: `h("p", { class: "small", onclick: f }, "text", child)`. `vars` sets CSS custom properties. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "vars") for (const [v, x] of Object.entries(value)) element.style.setProperty(v, x);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Tell those who listen to the page rather than see it. */
export function say(text) {
  document.getElementById("live").textContent = text;
}

/** A finding's or status's name as people write it. */
export const plain = (name) => String(name).replaceAll("_", " ");

export const percent = (p) => (p > 0 && p < 0.01 ? "<1 %" : `${Math.round(100 * p)} %`);

export function time(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const today = date.toDateString() === new Date().toDateString();
  const clock = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return today ? clock : `${date.toLocaleDateString()} ${clock}`;
}

/** Date and time, for what leaves the page. */
export const stamp = (iso) => new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

/** What a study is called. */
export const named = (study) => study.study || study.images?.[0]?.name || study.id;

/** A modal dialog. `build(close)` gives its content; resolves to what `close` was called with, or undefined. */
export function ask(title, build, wide = false) {
  return new Promise((resolve) => {
    let answer;
    const close = (value) => { answer = value; dialog.close(); };
    const head = h("header", {}, h("h2", { id: "dialog-title" }, title), h("button", { type: "button", class: "quiet", onclick: () => close() }, "Close"));
    const dialog = h("dialog", { "aria-labelledby": "dialog-title", class: wide && "wide" }, head, h("div", { class: "stack" }, build(close)));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(answer); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
