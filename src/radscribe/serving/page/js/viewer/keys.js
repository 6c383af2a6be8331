// The keys of an image that has the focus. The help shows this very table.

const PAN = 60, WINDOW = 0.05;

export const KEYS = [
  [["+", "="], "+", "Zoom in", (view) => view.zoom(1.25)],
  [["-", "_"], "−", "Zoom out", (view) => view.zoom(0.8)],
  [["ArrowLeft"], "←", "Move the image left", (view) => view.pan(-PAN, 0)],
  [["ArrowRight"], "→", "Move the image right", (view) => view.pan(PAN, 0)],
  [["ArrowUp"], "↑", "Move the image up", (view) => view.pan(0, -PAN)],
  [["ArrowDown"], "↓", "Move the image down", (view) => view.pan(0, PAN)],
  [["Shift+ArrowRight"], "Shift →", "Widen the window: less contrast", (view) => view.window(WINDOW, 0)],
  [["Shift+ArrowLeft"], "Shift ←", "Narrow the window: more contrast", (view) => view.window(-WINDOW, 0)],
  [["Shift+ArrowDown"], "Shift ↓", "Raise the level: darker", (view) => view.window(0, WINDOW)],
  [["Shift+ArrowUp"], "Shift ↑", "Lower the level: brighter", (view) => view.window(0, -WINDOW)],
  [["i"], "I", "Invert", (view) => view.invert()],
  [["f", "0"], "F", "Fit", (view) => view.fit()],
  [["1"], "1", "One image pixel on one of the screen", (view) => view.actual()],
  [["r"], "R", "Reset window and place", (view) => view.reset()],
];
export const VIEWS_KEYS = [
  [["w"], "W", "Left drag sets window and level, or pans again", (views) => views.useTool(views.tool === "pan" ? "window" : "pan")],
  [["m"], "M", "Map on or off", (views) => views.toggleMap()],
  [["v"], "V", "One image, or side by side", (views) => views.toggleLayout()],
  [["]", "n"], "N", "Next image", (views) => views.step(1)],
  [["[", "p"], "P", "Previous image", (views) => views.step(-1)],
];

/** Listen on a viewport. */
export function keys(viewport, views) {
  viewport.element.addEventListener("keydown", (event) => {
    if (event.target !== viewport.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : `${event.shiftKey ? "Shift+" : ""}${event.key}`;
    const of = (table, target) => {
      const entry = table.find(([names]) => names.includes(name));
      entry?.[3](target);
      return entry;
    };
    if (of(KEYS, viewport) ?? of(VIEWS_KEYS, views)) event.preventDefault();
  });
}
