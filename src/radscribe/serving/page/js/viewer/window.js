// Window and level: which values of the image become which greys.

export const FULL = 65535;

/** The window that shows the whole range. */
export const whole = () => ({ width: FULL, level: FULL / 2 });

/** A window within bounds. */
export const bounded = ({ width, level }) => ({
  width: Math.min(Math.max(width, FULL / 256), 2 * FULL),
  level: Math.min(Math.max(level, 0), FULL),
});

/** The opaque grey (ABGR) of each of the 65,536 values: linear over the window, clamped (DICOM PS3.3 C.11.2.1.3.2). */
export function lookup({ width, level }, invert) {
  const table = new Uint32Array(FULL + 1), low = level - width / 2;
  for (let value = 0; value <= FULL; value++) {
    let grey = Math.round((255 * (value - low)) / width);
    grey = grey < 0 ? 0 : grey > 255 ? 255 : grey;
    if (invert) grey = 255 - grey;
    table[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return table;
}
