// The page: what is open, and what leads where.

import * as api from "./api.js";
import { Destinations } from "./destinations.js";
import { h, named, say } from "./dom.js";
import { help, modelCard, theme } from "./help.js";
import { History } from "./history.js";
import { FINAL, Queue } from "./queue.js";
import { Sending } from "./sending.js";
import { unsaved } from "./review.js";
import { remembered } from "./store.js";
import { StudyView } from "./study.js";
import { dropped, uploadForm } from "./upload.js";
import { worklist } from "./worklist.js";

const $ = (id) => document.getElementById(id);
const main = $("main"), rail = $("rail");
const queue = new Queue(), history = new History(), destinations = new Destinations();
let shown = null; // what fills the main place; has `element`, perhaps `close` and `escape`
let arrived = false; // the first view leaves the focus where the browser puts it
let turn = 0; // a slow answer must not replace what was opened after it

function show(view, title) {
  shown?.close?.();
  shown = view;
  main.replaceChildren(view.element);
  main.scrollTo(0, 0);
  scrollTo(0, 0);
  if (document.activeElement === document.body && arrived) main.focus({ preventScroll: true }); // what had the focus is gone
  arrived = true;
  document.title = `${title ? `${title} · ` : ""}radscribe`;
  closeRail();
}

// ── routes: #/, #/study/ID and #/accession/NUMBER, by which a PACS opens a study; what is no id is asked for as it stands, and the service says so ──

const studyOf = (hash) => /^#\/study\/(.+)$/.exec(hash)?.[1];

const numberOf = (hash) => /^#\/accession\/(.+)$/.exec(hash)?.[1];

/** Open the newest study with an accession number. */
async function openNumber(number) {
  const mine = ++turn;
  try {
    const { captions: [newest] } = await api.list({ accession: decodeURIComponent(number), limit: 1 });
    if (mine !== turn) return;
    if (newest) location.replace(`#/study/${encodeURIComponent(newest.id)}`);
    else show({ element: sorry({ title: "There is no study with this accession number", detail: "It has not come in yet, or the service keeps no accession numbers because it has no destination for results." }) }, "Not found");
  } catch (error) {
    if (mine === turn) show({ element: sorry(error) }, "Not opened");
  }
}

async function route() {
  const number = numberOf(location.hash);
  if (number) return openNumber(number);
  const id = studyOf(location.hash);
  history.current = id;
  const mine = ++turn;
  if (!id) return show({ element: uploadForm(take) });
  if (shown?.id === id) return;
  main.setAttribute("aria-busy", "true");
  try {
    const study = await api.caption(id, { evidence: true });
    if (mine === turn && study.deleted) show({ element: sorry({ title: "This study was deleted", detail: "Its images are removed, and its draft is no longer shown." }) }, "Deleted");
    else if (mine === turn) open(study);
  } catch (error) {
    if (mine === turn) show({ element: sorry(error) }, "Not opened");
  } finally {
    if (mine === turn) main.removeAttribute("aria-busy");
  }
}

function open(study) {
  if (FINAL.has(study.status)) {
    const view = new StudyView(study, { reviewed: () => history.refresh(), remove: (which) => history.remove(which), model: modelCard, open: (next) => { location.hash = `#/study/${encodeURIComponent(next.id)}`; } });
    show(Object.assign(view, { id: study.id }), named(study));
    say(study.caption?.text ? "The draft is ready" : "There is no draft of this study");
    return;
  }
  // Another tab sent it, or this one before a reload: follow it as one of ours.
  watch(queue.follow(study));
}

const sorry = (error) => h("section", { class: "state", role: "alert" }, h("h1", {}, error.title ?? "That did not work"), h("p", {}, error.detail ?? error.message),
  h("div", { class: "row" }, h("button", { type: "button", class: "main-action", onclick: route }, "Try again"), h("a", { class: "button", href: "#/" }, "New study")));

// ── sending ──

function take(items) {
  if (!items.length) return;
  const [first] = queue.add(items);
  watch(first);
}

/** Show an item on its way; when it is done, its study. */
function watch(item) {
  turn++;
  show(new Sending(item, queue), item.title);
}

queue.addEventListener("change", ({ detail: item }) => {
  if (FINAL.has(item.state) && item.id) {
    history.refresh();
    if (shown?.item === item) location.replace(`#/study/${encodeURIComponent(item.id)}`);
    if (shown?.item === item) route();
  } else if (item.state === "cancelled" && shown?.item === item) {
    location.hash = "#/";
    route();
  }
});

// ── drop anywhere ──

const files = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => { if (files(event)) { event.preventDefault(); $("drop").hidden = false; } });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").hidden = true; });
addEventListener("drop", async (event) => {
  $("drop").hidden = true;
  if (!files(event)) return;
  event.preventDefault();
  take(await dropped(event.dataTransfer));
});

// ── around ──

function closeRail() {
  document.body.classList.remove("rail-open");
  $("rail-toggle").setAttribute("aria-expanded", "false");
}
$("rail-toggle").addEventListener("click", () => {
  const isOpen = document.body.classList.toggle("rail-open");
  $("rail-toggle").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) rail.querySelector("a, button").focus();
});
function signOut(user) {
  const failed = h("p", { class: "bad", role: "alert" });
  const leave = () => api.signOut().then(() => location.reload(), (error) => { failed.textContent = `Not signed out. ${error.message}`; });
  return h("div", {}, h("button", { type: "button", class: "quiet", onclick: leave }, user && user !== "token" ? `Sign out ${user}` : "Sign out"), failed);
}
// Beside the open list a tap closes it, and does nothing else.
document.addEventListener("click", (event) => {
  if (!document.body.classList.contains("rail-open") || event.target.closest(".rail, .bar, dialog")) return;
  event.preventDefault();
  event.stopPropagation();
  closeRail();
}, { capture: true });
rail.addEventListener("keydown", (event) => { if (event.key === "Escape" && document.body.classList.contains("rail-open")) { closeRail(); $("rail-toggle").focus(); } });

addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (event.key === "Escape" && !event.target.closest("dialog")) shown?.escape?.();
  if (event.key === "?" && !typing && remembered("question", "on") === "on") { event.preventDefault(); help(); }
});
addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });
const connection = () => {
  $("notice").hidden = navigator.onLine;
  $("notice").textContent = navigator.onLine ? "" : "This machine is offline. A service on this machine still answers; one elsewhere does not until the connection is back.";
};
addEventListener("online", connection);
addEventListener("offline", connection);

history.addEventListener("deleted", ({ detail: id }) => { if (studyOf(location.hash) === id) location.hash = "#/"; });
$("help-open").addEventListener("click", help);
$("model-open").addEventListener("click", modelCard);
theme($("theme"));
rail.append(h("a", { class: "button new", href: "#/" }, "New study"), worklist(queue, watch), destinations.element, history.element);
const leaving = h("div", {});
rail.append(leaving);
const showSignOut = () => api.session().then(({ token, password, oidc, user }) => (token || password || oidc) && leaving.replaceChildren(signOut(user)), () => {}); // the list says why the service does not answer
showSignOut();
addEventListener("signed-in", () => { showSignOut(); destinations.look(); });
addEventListener("hashchange", route);
// A link to where the address already is: what is shown may be a study on its way, which has no address.
document.addEventListener("click", (event) => { if (event.target.closest("a[href^='#/']")?.hash === location.hash) route(); });
connection();
history.refresh();
destinations.look();
route();
