// How far a job is: a text, a bar, and a few words for screen readers.

import { find, make } from "./dom.js";

/** @typedef {import("./api.js").Progress} Progress */

const box = find("progress", HTMLElement);
const stage = find("stage", HTMLElement);
const bar = find("bar", HTMLProgressElement);
const announcement = find("announcement", HTMLElement);

const TITLE = document.title;

/** What was last said to screen readers: steps come too fast for speech. */
let said = "";

/**
 * Shows what is being done, with a bar that only moves once steps are known.
 * @param {string} text
 * @param {{done?: number, all?: number}} [steps]
 */
export function showStage(text, { done, all } = {}) {
  box.hidden = false;
  stage.textContent = text;
  if (done === undefined || all === undefined) bar.removeAttribute("value");
  else Object.assign(bar, { max: all, value: done });
  document.title = all === undefined ? `… ${TITLE}` : `${Math.round((100 * (done ?? 0)) / all)} % ${TITLE}`;
  sayOnce(all === undefined ? text : `${Math.floor((4 * (done ?? 0)) / all) * 25} percent`);
}

/** @param {Progress | null} progress */
export function showProgress(progress) {
  const { step, steps, preview } = progress ?? {};
  showStage(describe(progress), { done: step ?? undefined, all: steps ?? undefined });
  if (preview) showPreview(preview.images);
}

/**
 * Shows how the images will be about, where they will be.
 * @param {string[]} images
 */
function showPreview(images) {
  const place = document.querySelector(".placeholder");
  if (!(place instanceof HTMLElement)) return;
  place.classList.add("previewed");
  place.replaceChildren(...images.map((src, index) => make("img", { src, alt: `Preview ${index + 1}` })));
}

/** Shows no progress any more. @param {string} [last] what became of it */
export function hideProgress(last = "") {
  box.hidden = true;
  document.title = TITLE;
  said = "";
  announcement.textContent = last;
}

/** @param {string} text */
function sayOnce(text) {
  if (text === said) return;
  said = text;
  announcement.textContent = text;
}

/** @param {Progress | null} progress */
function describe(progress) {
  if (!progress) return "The connection is lost, the job goes on. Trying again…";
  const { state, position, step, steps, eta } = progress;
  const left = eta ? `, about ${eta} s` : "";
  if (state === "queued") return `${place(position ?? 0)}${left}`;
  if (!step || !steps) return `Preparing photo and prompt${left}`;
  return step < steps ? `Step ${step} of ${steps}${left}` : "Finishing the image";
}

/** @param {number} position */
function place(position) {
  if (position === 0) return "Next in the queue";
  return position === 1 ? "1 job before this one" : `${position} jobs before this one`;
}

/**
 * Where the images will be, in their shape side by side.
 * @param {number} width
 * @param {number} height
 */
export function placeholder(width, height) {
  const element = make("div", { className: "placeholder" });
  element.style.aspectRatio = `${width} / ${height}`;
  element.style.setProperty("--width", `${width}px`);
  element.style.setProperty("--height", `${height}px`);
  return element;
}
