// What the browser remembers, where it lets us: choices for good, the token for the session.

function safely(action, fallback) {
  try {
    return action() ?? fallback;
  } catch { // storage is switched off: the page works without a memory
    return fallback;
  }
}

export const remembered = (key, fallback = "") => safely(() => localStorage.getItem(`radscribe.${key}`), fallback);
export const remember = (key, value) => safely(() => localStorage.setItem(`radscribe.${key}`, value));

let token = safely(() => sessionStorage.getItem("radscribe.token"), "");
export const getToken = () => token;
export function setToken(value) {
  token = value;
  safely(() => sessionStorage.setItem("radscribe.token", value));
}
