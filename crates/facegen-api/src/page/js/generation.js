// Makes a job of a request, and finds out its id as soon as there is one.

import { call, getJob, listJobs, MAKE_GEN, Refusal } from "./api.js";
import { pause } from "./dom.js";
import { keep } from "./tab.js";

/** @typedef {import("./tab.js").Pending} Pending */

const POLL = 400;
/** How many jobs of other programs with the same key may come in between. */
const JOBS = 10;

/** A seed as the server would draw one. */
export const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

/**
 * Sends a request and gives the id of its job. The answer may come only with the images, so the job
 * is looked for at the same time, by its seed.
 * @param {string} key
 * @param {Record<string, unknown> & {seed: unknown}} body
 * @returns {Promise<number>}
 */
export async function submit(key, body) {
  const { items } = await listJobs(key, 1);
  const pending = { after: items[0]?.id ?? 0, seed: Number(body.seed) };
  keep("pending", pending);
  const stop = new AbortController();
  const posted = call(MAKE_GEN, { key, method: "POST", body }).then((answer) => Number(answer.id));
  try {
    const id = await Promise.race([posted, findJob(key, pending, stop.signal)]);
    keep("pending", null);
    return id;
  } catch (error) {
    // What was cut off may still have arrived: a reload looks for it.
    if (error instanceof Refusal) keep("pending", null);
    throw error;
  } finally {
    stop.abort();
    // It may be refused after its job was found, when the server stops.
    posted.catch(() => {});
  }
}

/**
 * The id of the job of a request that was sent; it never comes once the signal aborts.
 * @param {string} key
 * @param {Pending} pending
 * @param {AbortSignal} signal
 * @returns {Promise<number>}
 */
export async function findJob(key, { after, seed }, signal) {
  /** @type {Set<number>} */
  const others = new Set();
  while (!signal.aborted) {
    await pause(POLL);
    const ids = await newJobs(key, after, signal).catch(orNothing);
    for (const id of ids.filter((id) => !others.has(id))) {
      const job = await getJob(key, id, signal).catch(() => null);
      if (job?.used?.seed === seed) return id;
      if (job) others.add(id);
    }
  }
  return new Promise(() => {});
}

/**
 * @param {string} key
 * @param {number} after
 * @param {AbortSignal} signal
 */
async function newJobs(key, after, signal) {
  const { items } = await listJobs(key, JOBS, { signal });
  return items.map(({ id }) => id).filter((id) => id > after);
}

/**
 * @param {unknown} error
 * @returns {number[]}
 */
function orNothing(error) {
  if (error instanceof Refusal && !error.passes) throw error;
  return [];
}
