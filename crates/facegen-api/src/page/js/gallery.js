// The jobs of the key, the latest first.

import { getJob, isFinal, listJobs } from "./api.js";
import { find, make } from "./dom.js";
import { shownId } from "./results.js";

/** @typedef {import("./api.js").Job} Job */

const PAGE = 12;

const gallery = find("gallery", HTMLElement);
const list = find("jobs", HTMLUListElement);

/** Jobs that change no more. @type {Map<number, Job>} */
const ended = new Map();
/** What each list belongs to: one that comes late is not shown. */
let latest = 0;

/** @type {(job: Job) => void} */
let open = () => {};

/** @param {(job: Job) => void} action what is done with a job that is chosen */
export function onOpen(action) {
  open = action;
}

/** Shows the latest jobs of the key. @param {string} key */
export async function loadGallery(key) {
  const run = ++latest;
  if (!key) return showTiles([], null, key);
  try {
    const { items, next_before } = await listJobs(key, PAGE);
    const jobs = await details(key, items);
    if (run === latest) showTiles(jobs.map(tile), next_before, key);
  } catch {
    if (run === latest) showTiles([], null, key);
  }
}

/**
 * @param {string} key
 * @param {{id: number}[]} items
 */
async function details(key, items) {
  const jobs = await Promise.all(items.map(({ id }) => ended.get(id) ?? getJob(key, id)));
  for (const job of jobs) if (isFinal(job.state)) ended.set(job.id, job);
  return jobs;
}

/**
 * @param {HTMLElement[]} tiles
 * @param {number | null} before
 * @param {string} key
 */
function showTiles(tiles, before, key) {
  gallery.hidden = tiles.length === 0;
  list.replaceChildren(...tiles, ...(before ? [older(key, before)] : []));
}

/** @param {Job} job */
function tile(job) {
  const button = make("button", { type: "button" });
  button.dataset.job = String(job.id);
  button.setAttribute("aria-label", `Job ${job.id}, ${stateOf(job)}`);
  const [link] = job.output;
  button.append(link ? thumbnail(link) : make("span", { textContent: stateOf(job) }));
  button.addEventListener("click", () => open(job));
  return make("li", {}, button);
}

/** @param {string} link */
function thumbnail(link) {
  const image = make("img", { src: link, alt: "", loading: "lazy", width: 80, height: 80 });
  // It may have expired since.
  image.addEventListener("error", () => image.replaceWith(make("span", { textContent: "no image" })));
  return image;
}

/** @param {Job} job */
function stateOf({ state, erased_at, output }) {
  if (erased_at) return "deleted";
  return state === "succeeded" && output.length === 0 ? "expired" : state;
}

/**
 * The button for the jobs before these.
 * @param {string} key
 * @param {number} before
 */
function older(key, before) {
  const button = make("button", { type: "button", textContent: "Older", id: "older" });
  const item = make("li", {}, button);
  const load = async () => {
    const { items, next_before } = await listJobs(key, PAGE, { before });
    const tiles = (await details(key, items)).map(tile);
    item.replaceWith(...tiles, ...(next_before ? [older(key, next_before)] : []));
    tiles[0]?.querySelector("button")?.focus();
  };
  button.addEventListener("click", () => load().catch(() => (button.textContent = "Older: try again")));
  return item;
}

/** Marks the job that is shown. */
export function markShown() {
  for (const button of list.querySelectorAll("button")) {
    const isShown = button.dataset.job === String(shownId());
    if (isShown) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}
