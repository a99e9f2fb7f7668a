// The form: its values as a request, and values put back into it.

import { find } from "./dom.js";
import { keep, recall } from "./tab.js";

/** @typedef {Record<string, string | number | boolean>} Values */

export const form = find("request", HTMLFormElement);

const TEXTS = ["prompt", "negative_prompt", "style", "safety_checker_type"];
const NUMBERS = ["num_inference_steps", "samples", "s_scale", "guidance_scale"];
/** What is kept apart from the others, or not at all. */
const NOT_KEPT = ["key", "keep_key", "face_url"];

/**
 * A field by its name.
 * @param {string} name
 * @returns {HTMLInputElement}
 */
export function field(name) {
  return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
}

/** What is asked for, without the key and the photo. @returns {Values} */
export function values() {
  const [width, height] = field("size").value.split("x").map(Number);
  /** @type {Values} */
  const body = {};
  for (const name of TEXTS) if (!field(name).disabled) body[name] = field(name).value.trim();
  Object.assign(body, { width, height });
  for (const name of NUMBERS) body[name] = Number(field(name).value);
  const seed = field("seed").value.trim();
  body.seed = /^\d+$/.test(seed) ? Number(seed) : seed;
  if (!field("safety_checker").disabled) body.safety_checker = field("safety_checker").checked;
  for (const name of Object.keys(body)) if (body[name] === "") delete body[name];
  return body;
}

/**
 * Puts values into the form.
 * @param {Values} given
 */
export function fill(given) {
  const { width, height, safety_checker, ...others } = given;
  for (const [name, value] of Object.entries(others)) if (field(name)) setField(field(name), String(value));
  if (width && height) setField(field("size"), `${width}x${height}`);
  if (safety_checker !== undefined) field("safety_checker").checked = Boolean(safety_checker);
  form.dispatchEvent(new Event("input"));
}

/**
 * Puts a value into a field; a choice that is not there yet is added.
 * @param {HTMLInputElement | HTMLSelectElement} element
 * @param {string} value
 */
export function setField(element, value) {
  if (element instanceof HTMLSelectElement && ![...element.options].some((option) => option.value === value)) {
    element.add(new Option(value.replace("x", " × "), value));
  }
  element.value = value;
}

/** Shows the values of the sliders. */
function showOutputs() {
  for (const output of form.querySelectorAll("output")) output.value = field(output.htmlFor.value).value;
}

/** Keeps the form for this tab. */
function keepFields() {
  /** @type {Record<string, string>} */
  const kept = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && !NOT_KEPT.includes(name)) kept[name] = value;
  }
  keep("fields", kept);
}

/** Puts back what the form held before a reload, and keeps what it will hold. */
export function restoreFields() {
  const { safety_checker, ...kept } = recall("fields", {});
  for (const [name, value] of Object.entries(kept)) if (field(name)) setField(field(name), value);
  if (Object.keys(kept).length > 0) field("safety_checker").checked = safety_checker === "on";
  showOutputs();
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, () => {
      showOutputs();
      keepFields();
    });
  }
}
