// A map of a few cells → a picture to lay over the image.

import { colour, cover } from "../colours.js";

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
