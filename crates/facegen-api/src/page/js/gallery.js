// The jobs of the key, the latest first.

import { getJob, listJobs } from "./api.js";
import { find, make } from "./dom.js";
import { showRefusal } from "./errors.js";
import { shownId } from "./results.js";

/** @typedef {import("./api.js").Job} Job */
/** @typedef {import("./api.js").JobEntry} JobEntry */

const PAGE = 12;

const gallery = find("gallery", HTMLElement);
const list = find("jobs", HTMLUListElement);

/** What each list belongs to: one that comes late is not shown. */
let latest = 0;
/** The job that was chosen last. */
let chosen = 0;

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
    const tiles = items.map((entry) => tile(entry, key));
    if (run === latest) showTiles(tiles, next_before, key);
  } catch {
    if (run === latest) showTiles([], null, key);
  }
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

/**
 * @param {JobEntry} entry
 * @param {string} key
 */
function tile(entry, key) {
  const button = make("button", { type: "button" });
  button.dataset.job = String(entry.id);
  button.setAttribute("aria-label", `Job ${entry.id}, ${stateOf(entry)}`);
  const [link] = entry.output;
  button.append(link ? thumbnail(link) : make("span", { textContent: stateOf(entry) }));
  button.addEventListener("click", () => choose(key, entry.id).catch(showRefusal));
  return make("li", {}, button);
}

/**
 * Opens a job, unless another is chosen before its details are there.
 * @param {string} key
 * @param {number} id
 */
async function choose(key, id) {
  chosen = id;
  const job = await getJob(key, id);
  if (chosen === id) open(job);
}

/** @param {string} link */
function thumbnail(link) {
  const image = make("img", { src: link, alt: "", loading: "lazy", width: 80, height: 80 });
  // It may have expired since.
  image.addEventListener("error", () => image.replaceWith(make("span", { textContent: "no image" })));
  return image;
}

/** @param {JobEntry} entry */
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
    const tiles = items.map((entry) => tile(entry, key));
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
