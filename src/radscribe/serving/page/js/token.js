// A service that wants a token: ask for it.

import { ask, h } from "./dom.js";

/** The token that the user gives, or undefined. */
export function askToken(again) {
  return ask("This service wants a token", (close) => {
    const field = h("input", { type: "password", id: "token", autocomplete: "off", required: true, autofocus: true, pattern: "\\s*[!-~]+\\s*", "aria-describedby": "token-hint" });
    return h("form", { class: "stack", method: "dialog", onsubmit: (event) => { event.preventDefault(); close(field.value.trim()); } },
      again && h("p", { class: "bad", role: "alert" }, "That token was not accepted."),
      h("div", { class: "field" }, h("label", { for: "token" }, "Token"), field,
        h("small", { id: "token-hint" }, "Whoever started the service has it. It is not kept: this browser stays signed in for twelve hours, or until you sign out.")),
      h("div", { class: "row" }, h("button", { type: "submit", class: "main-action" }, "Go on")));
  });
}
