// The key that is kept in this browser, beyond the tab: at most one, and never an admin key.

const NAME = "facegen.key";

/** The key that is kept, if there is one. */
export function keptKey() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

/**
 * Keeps a key in place of the one before, or none.
 * @param {string} key
 */
export function keepKey(key) {
  try {
    if (key) localStorage.setItem(NAME, key);
    else localStorage.removeItem(NAME);
  } catch {
    // Browsers may forbid it; the page works without.
  }
}
