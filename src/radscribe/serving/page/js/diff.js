// Words taken away and added between two texts.

/** Parts of both texts in order: ["same" | "removed" | "added", text]. Longest common subsequence of words. */
export function diff(before, after) {
  const a = split(before), b = split(after);
  const longest = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  const parts = [];
  const add = (kind, text) => (parts.at(-1)?.[0] === kind ? (parts.at(-1)[1] += text) : parts.push([kind, text]));
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { add("same", a[i]); i++; j++; }
    else if (j >= b.length || (i < a.length && longest[i + 1][j] >= longest[i][j + 1])) add("removed", a[i++]);
    else add("added", b[j++]);
  }
  return parts;
}

const split = (text) => text.match(/\s+|[\p{L}\p{N}'-]+|[^\s\p{L}\p{N}]/gu) ?? [];
