// Follows a job until it has ended, through lost connections.

import { getJob, isFinal, keyHeaders, read, Refusal } from "./api.js";
import { pause } from "./dom.js";
import { eventData } from "./sse.js";

/** @typedef {import("./api.js").Progress} Progress */

const LONGEST_PAUSE = 8000;

/**
 * The progress of a job, whenever it has changed; `null` when the connection is lost.
 * @param {string} key
 * @param {number} id
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Progress | null, void>}
 */
export async function* follow(key, id, signal) {
  let failures = 0;
  for (;;) {
    try {
      for await (const progress of stream(key, id, signal)) {
        failures = 0;
        yield progress;
        if (isFinal(progress.state)) return;
      }
    } catch (error) {
      if (!mayPass(error, signal)) throw error;
    }
    failures += 1;
    await pause(Math.min(500 * 2 ** failures, LONGEST_PAUSE), signal);
    // A server that has no stream to spare still answers.
    const job = await ask(key, id, signal);
    yield job;
    if (job && isFinal(job.state)) return;
  }
}

/**
 * The progress in one connection, with previews where images are not checked.
 * @param {string} key
 * @param {number} id
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Progress, void>}
 */
async function* stream(key, id, signal) {
  // Nothing is known of what a deleted job used.
  const { used } = await getJob(key, id, signal);
  const preview = used?.safety_checker === false;
  const headers = { ...keyHeaders(key), accept: "text/event-stream" };
  const response = await fetch(`/v1/jobs/${id}/events?preview=${preview}`, { headers, signal });
  if (response.ok && response.body) for await (const data of eventData(response.body)) yield JSON.parse(data);
  else await read(response);
}

/**
 * @param {string} key
 * @param {number} id
 * @param {AbortSignal} signal
 */
async function ask(key, id, signal) {
  try {
    return await getJob(key, id, signal);
  } catch (error) {
    if (!mayPass(error, signal)) throw error;
    return null;
  }
}

/**
 * Whether it is worth trying again.
 * @param {unknown} error
 * @param {AbortSignal} signal
 */
function mayPass(error, signal) {
  if (signal.aborted) return false;
  return !(error instanceof Refusal) || error.passes;
}
