// What the page keeps for this tab, so that a reload loses nothing. It goes with the tab.

/**
 * A request that may have become a job: one after `after`, with this seed.
 * @typedef {{after: number, seed: number}} Pending
 *
 * @typedef {object} Kept
 * @property {string} key
 * @property {Record<string, string>} fields
 * @property {Pending | null} pending
 * @property {number | null} running
 */

/**
 * @template {keyof Kept} K
 * @param {K} name
 * @param {Kept[K]} otherwise
 * @returns {Kept[K]}
 */
export function recall(name, otherwise) {
  try {
    return JSON.parse(sessionStorage.getItem(`facegen.${name}`) ?? "") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * @template {keyof Kept} K
 * @param {K} name
 * @param {Kept[K]} value
 */
export function keep(name, value) {
  try {
    sessionStorage.setItem(`facegen.${name}`, JSON.stringify(value));
  } catch {
    // Browsers may forbid it or have no room; the page works without.
  }
}
