// Errors, next to the fields that are wrong.

import { find } from "./dom.js";
import { field, form } from "./fields.js";
import { Refusal } from "./api.js";

/** @typedef {Record<string, string[]>} FieldErrors */

const message = find("message", HTMLElement);

/** Which field shows the errors of another. @type {Record<string, string>} */
const SHOWN_AT = { height: "width" };

/**
 * Shows what is wrong, and puts the focus on the first field that is.
 * @param {string} text
 * @param {FieldErrors} [errors]
 */
export function showErrors(text, errors = {}) {
  clearErrors();
  message.textContent = text;
  for (const [name, texts] of Object.entries(errors)) mark(SHOWN_AT[name] ?? name, texts.join(" "));
  const wrong = form.querySelector("[aria-invalid=true]:enabled");
  if (!(wrong instanceof HTMLElement)) return;
  const fold = wrong.closest("details");
  if (fold) fold.open = true;
  wrong.focus();
}

/** Shows no errors any more. */
export function clearErrors() {
  message.textContent = "";
  for (const element of form.querySelectorAll("[data-field]")) {
    if (element instanceof HTMLElement) mark(element.dataset.field ?? "", "");
  }
}

/**
 * Says what is wrong with a field, or that nothing is.
 * @param {string} name
 * @param {string} text
 */
export function mark(name, text) {
  const element = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  const error = element?.querySelector(".error");
  if (!element || !error) return;
  error.textContent = text.replaceAll("face_image", "the photo");
  for (const input of element.querySelectorAll("input, textarea, select")) {
    if (text && !isUnused(input)) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

/** Whether this is the chooser of files while a link is used, or the other way round. @param {Element} input */
const isUnused = (input) => input.matches(":disabled") || (input.id === "file" && field("face_url").value !== "");

/**
 * Shows why a request was refused.
 * @param {unknown} error
 */
export function showRefusal(error) {
  if (!(error instanceof Refusal)) showErrors("The server cannot be reached");
  else if (error.isAboutKey) showErrors("", { key: [keyError(error)] });
  else if (error.status === 413) showErrors("", { face_image: [error.message] });
  else if (Object.keys(error.errors).length > 0) showErrors("", error.errors);
  else showErrors(error.message.replaceAll("face_image", "the photo"));
}

/**
 * What is wrong with a key: a tip comes only when none was sent.
 * @param {Refusal} refusal
 */
export const keyError = (refusal) => (refusal.tip ? NO_KEY : "invalid API key");

/** Has the error of a field go as soon as its value changes. */
export function watchErrors() {
  form.addEventListener("input", ({ target }) => {
    const element = target instanceof Element ? target.closest("[data-field]") : null;
    if (element instanceof HTMLElement) mark(element.dataset.field ?? "", "");
  });
}

export const NO_KEY = "no API key given";
