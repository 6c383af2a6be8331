// The service's API. Addresses are relative, so that a proxy may put the page under any path.

import { ask, h } from "./dom.js";

/** What went wrong, as the service said it (RFC 9457), or `status` 0 where it did not answer. */
export class Problem extends Error {
  constructor(status, title, detail = "", retryAfter = null) {
    super(detail || title);
    Object.assign(this, { status, title, detail, retryAfter });
  }
}

function problem(status, text, header) {
  let body = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch { // a proxy's own page, perhaps: its status says enough
  }
  const seconds = Number.parseFloat(header("Retry-After"));
  const basic = /^basic/i.test(header("WWW-Authenticate") ?? "");
  return Object.assign(new Problem(status, body.title || `The service answered ${status}`, typeof body.detail === "string" ? body.detail : "",
    Number.isFinite(seconds) ? seconds : null), { basic });
}

const silent = () => new Problem(0, "The service does not answer", "Is it running, and is this machine connected?");

let signingIn = null; // several requests may be refused at once: one question for all
let signIns = 0; // a request from before the last one may be refused after it

/** Do what needs credentials; where the service wants a token, ask for it and do it again. */
async function authorised(attempt) {
  for (;;) {
    const before = signIns;
    try {
      return await attempt();
    } catch (error) {
      if (error.status !== 401 || error.basic) throw error; // the browser asks for a Basic password itself
      if (before !== signIns) continue;
      signingIn ??= signIn().finally(() => { signingIn = null; });
      if (!await signingIn) throw error;
    }
  }
}

/** Exchange credentials for a cookie that no script can read; they are not kept. False where the user gives none. */
async function signIn() {
  const ways = await (await plain("v1/session")).json();
  for (let again = false; ; again = true) {
    const authorization = await askCredentials(ways, again);
    if (authorization === undefined) return false;
    try {
      await plain("v1/session", { method: "POST", headers: { Authorization: authorization } });
      signIns++;
      dispatchEvent(new Event("signed-in"));
      return true;
    } catch (error) {
      if (error.status === 429) again = error;
      else if (error.status !== 401) throw error;
    }
  }
}

/** Ask for a token, or a name and password: the value of an Authorization header, or undefined. */
function askCredentials({ token: byToken, password: byPassword, oidc }, failed) {
  const title = byPassword || oidc ? "Sign in" : "This service needs a token";
  return ask(title, (close) => {
    const hint = h("small", { id: "token-hint" }, "It is not stored: this browser stays signed in for twelve hours, or until you sign out.");
    const user = h("input", { id: "user", autocomplete: "username", required: true, autofocus: true });
    const password = h("input", { type: "password", id: "password", autocomplete: "current-password", required: true });
    const token = h("input", { type: "password", id: "token", autocomplete: "off", required: true, autofocus: !byPassword, pattern: "\\s*[!-~]+\\s*", "aria-describedby": "token-hint" });
    const form = (header, ...fields) => h("form", { class: "stack", method: "dialog", onsubmit: (event) => { event.preventDefault(); close(header()); } },
      fields, h("div", { class: "row" }, h("button", { type: "submit", class: "main-action" }, "Sign in")));
    return [failed && h("p", { class: "bad", role: "alert" }, failed === true ? (byPassword ? "That was not accepted." : "That token was not accepted.") : failed.message),
      oidc && h("a", { class: "button main-action", href: "v1/session/oidc" }, "Sign in with your institution"),
      byPassword && form(() => `Basic ${base64(`${user.value.trim()}:${password.value}`)}`,
        h("div", { class: "field" }, h("label", { for: "user" }, "Name"), user), h("div", { class: "field" }, h("label", { for: "password" }, "Password"), password)),
      byToken && form(() => `Bearer ${token.value.trim()}`, h("div", { class: "field" }, h("label", { for: "token" }, "Token"), token)), hint];
  });
}

const base64 = (text) => btoa(String.fromCodePoint(...new TextEncoder().encode(text)));

/** A request as it is; gives the `Response` of one that worked, else throws a `Problem`. */
async function plain(path, { headers = {}, ...options } = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { Accept: "application/json", ...headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw silent();
  }
  if (!response.ok) throw problem(response.status, await response.text(), (name) => response.headers.get(name));
  return response;
}

/** A request that signs in where it must. */
export const request = (path, options) => authorised(() => plain(path, options));

const json = async (path, options) => (await request(path, options)).json();
const post = (path, body) => json(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
const given = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value !== null && value !== undefined));
const at = (id) => `v1/captions/${encodeURIComponent(id)}`;

export const caption = (id, { evidence = false, signal } = {}) => json(`${at(id)}${evidence ? "?evidence=true" : ""}`, { signal });
export const remove = (id) => request(at(id), { method: "DELETE" });
export const review = (id, body) => post(`${at(id)}/review`, body);
export const results = (id) => json(`${at(id)}/results`);
/** Send now what waits, without waiting for the next try. */
export const resend = (id) => json(`${at(id)}/results/retry`, { method: "POST" });
/** Destinations of results: { destination, configured, waiting, since, given_up, error }. */
export const destinations = () => json("v1/results");
export const resendTo = (destination) => json(`v1/results/retry?${new URLSearchParams({ destination })}`, { method: "POST" });
export const audit = (id) => json(`${at(id)}/audit`);
/** Which files are one study: `heads` are [the first bytes, the path]; gives { groups, warnings }. */
export async function groups(heads) {
  const form = new FormData();
  for (const [head, path] of heads) form.append("files", head, path);
  return (await request("v1/groups", { method: "POST", body: form })).json();
}
/** Caption a stored study again, as a new study; `fields` has `force`, `invert` and the options. */
export const recaption = (id, fields) => json(`${at(id)}/recaption?${new URLSearchParams(given({ ...fields, wait: "false" }))}`, { method: "POST" });
/** Who is signed in, and the ways to sign in: { signed_in, user, role, token, password, oidc }. */
export const session = () => json("v1/session");
export const signOut = () => request("v1/session", { method: "DELETE" });
export const model = () => json("v1/model");
export const examples = () => json("v1/examples");
export const example = (name, fields, signal) => json(`v1/examples/${encodeURIComponent(name)}?${new URLSearchParams(given({ ...fields, wait: "false" }))}`, { method: "POST", signal });
/** A picture of an address that the service named. */
export const picture = async (path) => createImageBitmap(await (await request(path.replace(/^\//, ""), { headers: { Accept: "image/png" } })).blob());


export function list({ query = "", before = "", limit = 20, accession = "" } = {}) {
  const parameters = new URLSearchParams({ limit });
  if (accession) parameters.set("accession", accession);
  if (query) parameters.set("query", query);
  if (before) parameters.set("before", before);
  return json(`v1/captions?${parameters}`);
}

/** The pixels of an image: `{ pixels: Uint16Array, width, height }`, 0 to 65535 over the whole range, bright is dense. */
export async function pixels(id, n, signal) {
  const response = await request(`${at(id)}/images/${n}/pixels`, { signal, headers: { Accept: "application/octet-stream" } });
  const buffer = await response.arrayBuffer();
  const width = Number(response.headers.get("X-Width")), height = Number(response.headers.get("X-Height"));
  if (!(width * height > 0) || buffer.byteLength !== 2 * width * height) throw new Problem(0, "The image came incomplete");
  return { pixels: littleEndian(buffer), width, height };
}

function littleEndian(buffer) {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return new Uint16Array(buffer);
  const view = new DataView(buffer);
  return Uint16Array.from({ length: buffer.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}

/** Send the files of one study; `onProgress` gets the share that is sent. Only XMLHttpRequest tells it. */
export function send(files, fields, onProgress, signal) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.name);
  for (const [name, value] of Object.entries(given({ ...fields, wait: "false" }))) form.append(name, value);
  return authorised(() => new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", "v1/captions");
    xhr.setRequestHeader("Accept", "application/json");
    xhr.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    xhr.onload = () => (xhr.status < 300 ? resolve(JSON.parse(xhr.responseText))
      : reject(problem(xhr.status, xhr.responseText, (name) => xhr.getResponseHeader(name))));
    xhr.onerror = () => reject(silent());
    xhr.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(form);
  }));
}
