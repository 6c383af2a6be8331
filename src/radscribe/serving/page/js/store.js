// What the browser remembers, where it lets us: choices. No token: that becomes a cookie, which scripts cannot read.

function safely(action, fallback) {
  try {
    return action() ?? fallback;
  } catch { // storage is switched off: the page works without a memory
    return fallback;
  }
}

export const remembered = (key, fallback = "") => safely(() => localStorage.getItem(`radscribe.${key}`), fallback);
export const remember = (key, value) => safely(() => localStorage.setItem(`radscribe.${key}`, value));
