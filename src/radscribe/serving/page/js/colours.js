// From a value in 0..1 to a colour: plasma (Smith and van der Walt, matplotlib), even in lightness, no grey in it.

const PLASMA = ["0d0887", "46039f", "7201a8", "9c179e", "bd3786", "d8576b", "ed7953", "fb9f3a", "fdca26", "f0f921"]
  .map((hex) => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)));

/** Red, green, blue in 0..255. */
export function colour(value) {
  const place = Math.min(Math.max(value, 0), 1) * (PLASMA.length - 1);
  const low = Math.min(Math.floor(place), PLASMA.length - 2);
  return PLASMA[low].map((channel, i) => Math.round(channel + (place - low) * (PLASMA[low + 1][i] - channel)));
}

/** How much of the image a value hides, before the reader's opacity: little hides little. */
export const cover = (value) => 0.05 + 0.95 * Math.min(Math.max(value, 0), 1) ** 1.25;
