// The calls of the server, as any client makes them.

export const MAKE_GEN = "/api/v1/enterprise/face_gen/make_gen";

/**
 * @typedef {"queued" | "running" | "succeeded" | "failed" | "cancelled"} JobState
 *
 * @typedef {object} Progress
 * @property {JobState} state
 * @property {number | null} position
 * @property {number | null} step
 * @property {number | null} steps
 * @property {number | null} eta
 * @property {{step: number, images: string[]}} [preview] only in event streams
 *
 * @typedef {object} Used
 * @property {number} width
 * @property {number} height
 * @property {number} num_inference_steps
 * @property {number} guidance_scale
 * @property {number} s_scale
 * @property {number} samples
 * @property {number} seed
 * @property {string} style
 * @property {boolean} safety_checker
 * @property {string} safety_checker_type
 *
 * @typedef {object} JobFields
 * @property {number} id
 * @property {string | null} started_at
 * @property {string | null} finished_at
 * @property {string | null} erased_at
 * @property {string | null} engine
 * @property {Used | null} used
 * @property {string | null} prompt
 * @property {string | null} negative_prompt
 * @property {string[]} warnings
 * @property {{flagged: boolean}[]} safety
 * @property {{code: string, message: string} | null} failure
 * @property {string[]} output
 *
 * @typedef {Progress & JobFields} Job
 *
 * @typedef {{name: string, role: "plain" | "admin"}} Key
 *
 * @typedef {object} Delivery
 * @property {string} id
 * @property {string} kind
 * @property {number} job_id
 * @property {string} state
 * @property {number} attempts
 * @property {string | null} last_error
 *
 * @typedef {{id: number, state: JobState, erased_at: string | null, output: string[]}} JobEntry
 * @typedef {{items: JobEntry[], next_before: number | null}} JobPage
 * @typedef {{items: Delivery[], next_before: number | null}} DeliveryPage
 * @typedef {"absent" | "on_request" | "always"} Checking
 *
 * @typedef {object} SizeLimits
 * @property {number} min_side
 * @property {number} max_side
 * @property {number} max_area
 * @property {number} default_side
 * @property {number} multiple_of
 *
 * @typedef {object} Offer
 * @property {string} version
 * @property {string} preset
 * @property {string} dtype
 * @property {Checking} safety_checking
 * @property {SizeLimits} size
 * @property {number[]} steps
 * @property {string[]} styles
 * @property {string} [notice]
 *
 * @typedef {{status: string, component?: string, loaded?: number, components?: number, reason?: string}} Readiness
 */

/** Why the server refuses a request. */
export class Refusal extends Error {
  /**
   * @param {{message?: string, tip?: string, errors?: Record<string, string[]>}} answer
   * @param {number} status
   */
  constructor(answer, status) {
    super(answer.message ?? `The server answered with status ${status}`);
    this.status = status;
    this.tip = answer.tip;
    this.errors = answer.errors ?? {};
  }

  /** Whether no key, or a wrong one, was sent. */
  get isAboutKey() {
    return this.status === 401 || this.message === "Invalid API key";
  }

  /** Whether the same request may succeed in a moment. */
  get passes() {
    return this.status === 429 || this.status >= 500;
  }
}

/**
 * The headers with a key. Other characters than these are in no key, and in no header.
 * @param {string} key
 * @returns {Record<string, string>}
 */
export function keyHeaders(key) {
  if (!/^[\x20-\x7e]*$/.test(key)) throw new Refusal({ message: "Invalid API key" }, 401);
  return key ? { key } : {};
}

/**
 * Sends a request and gives the answer, which is JSON.
 * @param {string} path
 * @param {{key?: string, method?: string, body?: unknown, signal?: AbortSignal, headers?: Record<string, string>}} [options]
 * @returns {Promise<any>}
 */
export async function call(path, { key = "", method = "GET", body, signal, headers } = {}) {
  /** @type {RequestInit} */
  const request = { method, signal, headers: { ...headers, ...keyHeaders(key) } };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { ...request.headers, "content-type": "application/json" };
  }
  const response = await fetch(path, request);
  return read(response);
}

/**
 * The answer, or what the server refuses. A server may answer errors with status 200.
 * @param {Response} response
 */
export async function read(response) {
  const answer = await response.json().catch(() => ({ status: "error" }));
  if (answer.status === "error") throw new Refusal(answer, response.status);
  return answer;
}

/**
 * @param {string} key
 * @param {number} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Job>}
 */
export const getJob = (key, id, signal) => call(`/v1/jobs/${id}`, { key, signal });

/**
 * The latest jobs of the key, or those before one.
 * @param {string} key
 * @param {number} limit
 * @param {{before?: number | null, signal?: AbortSignal}} [options]
 * @returns {Promise<JobPage>}
 */
export const listJobs = (key, limit, { before, signal } = {}) =>
  call(`/v1/jobs?limit=${limit}${before ? `&before=${before}` : ""}`, { key, signal });

/** Whether a job in this state changes no more. @param {JobState} state */
export const isFinal = (state) => state !== "queued" && state !== "running";
