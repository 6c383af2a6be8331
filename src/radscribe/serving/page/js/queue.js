// The studies that this tab sends, one after the other. What the service has accepted is followed until it is done.

import * as api from "./api.js";
import { named } from "./dom.js";

export const FINAL = new Set(["done", "refused", "failed"]);
const wait = (seconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, 1000 * seconds);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("cancelled", "AbortError")); });
});

/**
 * Each item is { title, files | example, fields, state, sent, until, problem, id, caption }. `state` is waiting, sending,
 * held (the service is full; tried again at `until`), queued, running, done, refused, failed or cancelled.
 * Dispatches "change" with the item as detail.
 */
export class Queue extends EventTarget {
  items = [];
  #busy = false;

  add(items) {
    this.items.push(...items.map((item) => ({ ...item, state: "waiting", sent: 0, stop: new AbortController() })));
    const added = this.items.slice(-items.length);
    added.forEach((item) => this.#set(item, {}));
    this.#work();
    return added;
  }

  /** Take up a study that the service already has. */
  follow(study) {
    const item = { title: named(study), id: study.id, caption: study, state: study.status, sent: 1, stop: new AbortController() };
    this.items.push(item);
    this.#set(item, {});
    this.#guard(item, this.#follow(item));
    return item;
  }

  cancel(item) {
    item.stop.abort();
    this.#set(item, { state: "cancelled" });
  }

  retry(item) {
    this.#set(item, { state: "waiting", sent: 0, problem: null, stop: new AbortController() });
    this.#work();
  }

  /** Do not wait for the time that the service named. */
  hurry(item) {
    item.hurry?.();
  }

  forget(item) {
    this.items = this.items.filter((other) => other !== item);
    this.#set(item, {});
  }

  #set(item, change) {
    Object.assign(item, change);
    this.dispatchEvent(new CustomEvent("change", { detail: item }));
  }

  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    for (let item; (item = this.items.find(({ state }) => state === "waiting"));) {
      try {
        const caption = await this.#send(item);
        this.#set(item, { id: caption.id, caption, state: caption.status });
        if (!FINAL.has(caption.status)) this.#guard(item, this.#follow(item));
      } catch (error) {
        this.#fail(item, error);
      }
    }
    this.#busy = false;
  }

  #guard(item, promise) {
    promise.catch((error) => this.#fail(item, error));
  }

  #fail(item, error) {
    if (error.name !== "AbortError") this.#set(item, { state: "failed", problem: error });
  }

  async #send(item) {
    for (;;) {
      try {
        this.#set(item, { state: "sending", sent: 0 });
        if (item.example) return await api.example(item.example, item.fields, item.stop.signal);
        return await api.send(item.files, item.fields, (sent) => this.#set(item, { sent }), item.stop.signal);
      } catch (error) {
        if (error.status !== 429 && error.status !== 503) throw error;
        const seconds = error.retryAfter ?? 5;
        this.#set(item, { state: "held", until: Date.now() + 1000 * seconds, problem: error });
        await Promise.race([wait(seconds, item.stop.signal), new Promise((resolve) => { item.hurry = resolve; })]);
      }
    }
  }

  async #follow(item) {
    let pause = 0.25;
    while (!FINAL.has(item.state)) {
      await wait(pause, item.stop.signal);
      pause = Math.min(1.4 * pause, 2);
      try {
        const caption = await api.caption(item.id, { signal: item.stop.signal });
        this.#set(item, { caption, state: caption.status, problem: null });
      } catch (error) {
        if (error.status !== 0 && error.status !== 429 && error.status < 500) throw error;
        this.#set(item, { problem: error }); // it was accepted: it will be there when the service is back
        pause = error.retryAfter ?? 2;
      }
    }
  }
}
