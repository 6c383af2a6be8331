// Mouse, pen and fingers on an image.

const WINDOW_SPAN = 400; // pixels of the page for the whole range

/** Wheel zooms; left drag uses the tool, right drag the window, middle drag pans; two fingers zoom and pan. */
export function gestures(viewport, activate) {
  const { element } = viewport, pointers = new Map();
  let pinch = null;

  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const step = event.deltaMode === 1 ? 30 : 1; // lines or pixels
    viewport.zoom(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * step)) / 400), viewport.at(event));
  }, { passive: false });

  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("dblclick", (event) => (viewport.zoomed ? viewport.fit() : viewport.zoom(2.5, viewport.at(event))));

  element.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button")) return;
    activate(viewport);
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    pinch = spread();
  });

  element.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return void viewport.point(viewport.at(event));
    pointers.set(event.pointerId, event);
    if (pinch) return void squeeze();
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    const windowing = event.buttons & 2 || (viewport.tool === "window" && !(event.buttons & 4));
    if (windowing) viewport.window(dx / WINDOW_SPAN, dy / WINDOW_SPAN);
    else if (event.pointerType !== "touch" || viewport.zoomed) {
      const ratio = viewport.canvas.width / viewport.canvas.clientWidth;
      viewport.pan(dx * ratio, dy * ratio);
    }
  });

  /** Middle and distance of two fingers; null where there are not two. */
  function spread() {
    if (pointers.size !== 2) return null;
    const [a, b] = [...pointers.values()].map((event) => viewport.at(event));
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
  }

  function squeeze() {
    const now = spread();
    viewport.zoom(now.apart / pinch.apart, pinch);
    viewport.pan(now.x - pinch.x, now.y - pinch.y);
    pinch = now;
  }

  const up = (event) => { pointers.delete(event.pointerId); pinch = spread(); };
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", () => { viewport.readout.textContent = ""; });
}
