// A map of a few cells → a picture to lay over the image.

const PLASMA = ["0d0887", "46039f", "7201a8", "9c179e", "bd3786", "d8576b", "ed7953", "fb9f3a", "fdca26", "f0f921"]
  .map((hex) => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)));

/** Red, green, blue in 0..255. */
export function colour(value) {
  const place = Math.min(Math.max(value, 0), 1) * (PLASMA.length - 1);
  const low = Math.min(Math.floor(place), PLASMA.length - 2);
  return PLASMA[low].map((channel, i) => Math.round(channel + (place - low) * (PLASMA[low + 1][i] - channel)));
}

const NOTHING = 0.08; // shares of the scale below this leave the film untouched

/** How much of the film a value hides, before the reader's opacity: nothing where nothing is, never all of it. */
export const cover = (value) => 0.8 * Math.min(Math.max((value - NOTHING) / (1 - NOTHING), 0), 1) ** 0.8;

const SIZE = 192; // pixels of the overlay's side: the values between cells, not the colours, are interpolated

/** Cells `[h][w]`, which cover the image evenly, as a canvas; a value of `top` has the last colour. */
export function heat(rows, top) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d"), picture = context.createImageData(SIZE, SIZE);
  for (let y = 0, at = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, at += 4) {
      const value = between(rows, (x + 0.5) / SIZE, (y + 0.5) / SIZE) / top;
      picture.data.set(colour(value), at);
      picture.data[at + 3] = Math.round(255 * cover(value));
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** Bilinear between the centres of cells; x and y in 0..1 of the image. */
export function between(rows, x, y) {
  const height = rows.length, width = rows[0].length;
  const px = Math.min(Math.max(x * width - 0.5, 0), width - 1), py = Math.min(Math.max(y * height - 0.5, 0), height - 1);
  const x0 = Math.floor(px), y0 = Math.floor(py), x1 = Math.min(x0 + 1, width - 1), y1 = Math.min(y0 + 1, height - 1);
  const mix = (a, b, share) => a + share * (b - a);
  return mix(mix(rows[y0][x0], rows[y0][x1], px - x0), mix(rows[y1][x0], rows[y1][x1], px - x0), py - y0);
}
