// One request from the button to its result.

import { call, getJob, Refusal } from "./api.js";
import { find } from "./dom.js";
import { clearErrors, NO_KEY, showErrors, showRefusal } from "./errors.js";
import { field, values } from "./fields.js";
import { follow } from "./follow.js";
import { loadGallery, markShown } from "./gallery.js";
import { findJob, randomSeed, submit } from "./generation.js";
import { photo, photoRead } from "./photo.js";
import { hideProgress, placeholder, showProgress, showStage } from "./progress.js";
import { showInstead, showResult } from "./results.js";
import { keep, recall } from "./tab.js";

/** How long a request that was sent before a reload is looked for. */
const ARRIVAL = 15_000;
/** What is wrong with the photo, and not with the server. */
const PHOTO_FAILURES = ["no_face", "invalid_face_image"];

const button = find("make", HTMLButtonElement);
const cancel = find("cancel", HTMLButtonElement);
const results = find("results", HTMLElement);

/** Whether a request is under way, and whether it is to end. */
let isRunning = false;
let isCancelled = false;
/** The job that is under way, once it has an id. @type {{key: string, id: number} | null} */
let running = null;
/** The erasure of what is cancelled. */
let erasing = Promise.resolve();

/** What is missing, without asking the server. */
function missing() {
  /** @type {import("./errors.js").FieldErrors} */
  const errors = {};
  if (!field("key").value.trim()) errors.key = [NO_KEY];
  if (!photo()) errors.face_image = ["no photo given"];
  if (!field("prompt").value.trim()) errors.prompt = ["no prompt given"];
  return errors;
}

/** Makes images as the form says. */
export async function makeImages() {
  await photoRead();
  if (isRunning) return;
  clearErrors();
  const errors = missing();
  if (Object.keys(errors).length > 0) return showErrors("", errors);
  const key = field("key").value.trim();
  const asked = values();
  await perform(asked, async () => {
    showStage("Sending the request");
    await watch(key, await submit(key, request(asked)));
  });
}

/**
 * The request as it is sent. The seed is drawn here, so that its job can be found.
 * @param {import("./fields.js").Values} asked
 */
function request(asked) {
  const given = photo();
  const face_image = given?.kind === "file" ? given.base64 : given?.url;
  return { face_image, ...asked, seed: asked.seed ?? randomSeed() };
}

/** Goes on with what was under way before a reload. */
export async function resume() {
  const key = recall("key", "");
  const id = recall("running", null);
  const pending = recall("pending", null);
  if (!key || (!id && !pending)) return;
  await perform(values(), async () => {
    showStage("Looking for the job of this tab");
    if (id) return watch(key, id);
    if (pending) await watchPending(key, pending);
  });
}

/**
 * @param {string} key
 * @param {import("./tab.js").Pending} pending
 */
async function watchPending(key, pending) {
  const late = new Promise((resolve) => setTimeout(resolve, ARRIVAL));
  const stop = new AbortController();
  const id = await Promise.race([findJob(key, pending, stop.signal), late.then(() => null)]);
  stop.abort();
  keep("pending", null);
  if (id === null) return end("The request did not reach the server before the page was left.");
  await watch(key, id);
}

/**
 * Does one thing at a time, and shows that it is being done.
 * @param {import("./fields.js").Values} asked
 * @param {() => Promise<void>} work
 */
async function perform({ width, height, samples }, work) {
  isRunning = true;
  isCancelled = false;
  button.setAttribute("aria-disabled", "true");
  cancel.hidden = false;
  showInstead(placeholder(Number(width) * Number(samples), Number(height)));
  markShown();
  // On a narrow screen it is below the form.
  results.scrollIntoView({ block: "start" });
  results.scrollTo({ top: 0 });
  try {
    await work();
  } catch (error) {
    if (error instanceof Refusal) keep("running", null);
    end("No image was made.");
    showRefusal(error);
  }
  running = null;
  isRunning = false;
  button.removeAttribute("aria-disabled");
  if (document.activeElement === cancel) button.focus();
  cancel.hidden = true;
}

/**
 * Shows a job until it has ended, and then what came of it.
 * @param {string} key
 * @param {number} id
 */
async function watch(key, id) {
  running = { key, id };
  keep("running", id);
  if (isCancelled) erasing = erase();
  for await (const progress of follow(key, id, new AbortController().signal)) showProgress(progress);
  keep("running", null);
  // A job is cancelled before all that it left is deleted.
  await erasing;
  const job = await getJob(key, id);
  finish(job);
  void loadGallery(key).then(markShown);
}

/** @param {import("./api.js").Job} job */
function finish(job) {
  const { state, erased_at, failure } = job;
  if (state === "cancelled" || erased_at) return end("Cancelled: the photo and what was made of it are deleted.");
  if (state === "succeeded") {
    hideProgress("The image is ready");
    return showResult(job);
  }
  end("No image was made.");
  const text = failure?.message ?? "the generation failed";
  const isPhoto = PHOTO_FAILURES.includes(failure?.code ?? "");
  showErrors(isPhoto ? "" : text, isPhoto ? { face_image: [text] } : {});
}

/** Shows why there is no result. @param {string} text */
function end(text) {
  hideProgress(text);
  const element = document.createElement("p");
  element.className = "empty";
  element.textContent = text;
  showInstead(element);
}

/** Cancels what is under way, as soon as it is known which job that is. */
export async function cancelRunning() {
  isCancelled = true;
  showStage("Cancelling");
  erasing = erase();
  await erasing;
}

async function erase() {
  if (!running) return;
  const { key, id } = running;
  await call(`/v1/jobs/${id}`, { key, method: "DELETE" }).catch(showRefusal);
}
