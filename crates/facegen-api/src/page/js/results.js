// The result: the images of a job with what is known of them, and those of another to compare.

import { find, make, makeButton } from "./dom.js";
import { fill } from "./fields.js";

/** @typedef {import("./api.js").Job} Job */

const NEXT = "The next image, or one from the list, comes here.";

const images = find("images", HTMLElement);

/** @type {Job | null} */
let shown = null;
/** The one that stays while others are shown. @type {Job | null} */
let compared = null;

/** The id of the job that is shown. */
export const shownId = () => shown?.id;

/** @param {Job} job */
export function showResult(job) {
  shown = job.id === compared?.id ? null : job;
  render();
}

/**
 * Shows something else in place of the result; what it is compared with stays.
 * @param {(Node | string)[]} content
 */
export function showInstead(...content) {
  shown = null;
  images.replaceChildren(...(compared ? [column(compared)] : []), ...content);
}

function render() {
  const jobs = [compared, shown].filter((job) => job !== null);
  images.replaceChildren(...jobs.map(column));
  if (compared && !shown) images.append(make("p", { className: "empty", textContent: NEXT }));
}

/** @param {Job} job */
function column(job) {
  const warnings = job.warnings.map((warning) => make("li", { textContent: warning }));
  const figures = job.output.map((link, index) => figure(job, link, index));
  const content = figures.length > 0 ? figures : [make("p", { className: "empty", textContent: absence(job) })];
  const row = make("div", { className: "figures" }, ...content);
  const actions = make("p", { className: "actions" }, ...buttons(job));
  const list = make("ul", { className: "warnings" }, ...warnings);
  return make("article", { ariaLabel: `Job ${job.id}` }, row, actions, list);
}

/** Why there are no images. @param {Job} job */
function absence({ id, state, erased_at, failure }) {
  if (erased_at) return `Job ${id} was deleted.`;
  if (failure) return `Job ${id} failed: ${failure.message}`;
  return state === "succeeded" ? `The images of job ${id} have expired.` : `Job ${id} is ${state}.`;
}

/**
 * @param {Job} job
 * @param {string} link
 * @param {number} index
 */
function figure(job, link, index) {
  const { width, height } = job.used ?? { width: 512, height: 512 };
  const alt = job.prompt || `Image ${index + 1} of job ${job.id}`;
  const image = make("img", { src: link, alt, width, height });
  const open = make("a", { href: link, target: "_blank", rel: "noopener" }, image);
  const download = make("a", { href: link, download: "", textContent: "Download" });
  download.setAttribute("aria-label", `Download ${job.output.length > 1 ? `image ${index + 1}` : "the image"}`);
  const facts = [`Seed ${seedOf(job, index)}`, seconds(job), `${width} × ${height}`, verdict(job, index)];
  const texts = facts.filter(Boolean).map((fact) => make("span", { textContent: fact }));
  return make("figure", {}, open, make("figcaption", {}, ...texts, download));
}

/**
 * Each image of a request has a seed of its own.
 * @param {Job} job
 * @param {number} index
 */
const seedOf = ({ used }, index) => ((used?.seed ?? 0) + index) % 2 ** 32;

/** @param {Job} job */
function seconds({ started_at, finished_at }) {
  if (!started_at || !finished_at) return "";
  return `${((Date.parse(finished_at) - Date.parse(started_at)) / 1000).toFixed(1)} s`;
}

/**
 * What the safety checker found; it tells of all images or of none.
 * @param {Job} job
 * @param {number} index
 */
function verdict({ safety, output }, index) {
  if (safety.length !== output.length) return "not checked";
  return safety[index].flagged ? "found unsafe, replaced" : "found safe";
}

/** @param {Job} job */
function* buttons(job) {
  if (job.used) yield makeButton("Use these values", "quiet", () => useValues(job));
  if (job.output.length === 0) return;
  if (job.id === compared?.id) yield makeButton("Stop comparing", "quiet", () => compare(null));
  else if (!compared) yield makeButton("Compare with the next", "quiet", () => compare(job));
}

/**
 * Keeps a job on the left for the next one to be compared with, or no job any more.
 * @param {Job | null} job
 */
function compare(job) {
  shown = job ? null : (shown ?? compared);
  compared = job;
  render();
  images.querySelector("button")?.focus();
}

/** Puts the values of a job into the form. @param {Job} job */
function useValues({ used, prompt, negative_prompt }) {
  if (used) fill({ ...used, prompt: prompt ?? "", negative_prompt: negative_prompt ?? "" });
}
