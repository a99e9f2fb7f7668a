// What the page keeps for this tab, so that a reload loses nothing. It goes with the tab.

/**
 * What was asked for, which the server does not tell of a job.
 * @typedef {object} Asked
 * @property {string} prompt
 * @property {string} negative_prompt
 *
 * A request that may have become a job: one after `after`, with this seed.
 * @typedef {{after: number, seed: number, asked: Asked}} Pending
 *
 * @typedef {object} Kept
 * @property {string} key
 * @property {Record<string, string>} fields
 * @property {Pending | null} pending
 * @property {number | null} running
 * @property {Record<string, Asked>} asked
 */

/** How many requests are remembered. */
const REQUESTS = 50;

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

/** What was asked for with this job, if it was asked for here. @param {number} id */
export const askedOf = (id) => recall("asked", {})[id];

/**
 * @param {number} id
 * @param {Asked} asked
 */
export function keepAsked(id, asked) {
  // Names that are numbers come in their order: the oldest jobs first.
  const all = Object.entries({ ...recall("asked", {}), [id]: asked });
  keep("asked", Object.fromEntries(all.slice(-REQUESTS)));
}
