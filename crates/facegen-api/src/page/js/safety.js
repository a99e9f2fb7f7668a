// Whether images are checked, as the server says of its preset.

import { find } from "./dom.js";
import { field } from "./fields.js";

/** @typedef {import("./api.js").Checking} Checking */

/** @type {Record<Checking, string>} */
const HEADER = {
  absent: "images are not checked",
  on_request: "images are checked",
  always: "every image is checked",
};

/** @type {Record<Checking, string>} */
const HELP = {
  absent: "This preset has no safety checker: images are not checked.",
  on_request: "",
  always: "The operator has every image checked.",
};

/** Shows it, and only the fields that have a meaning. @param {Checking} checking */
export function showSafety(checking) {
  find("checking", HTMLElement).textContent = HEADER[checking];
  find("safety-help", HTMLElement).textContent = HELP[checking];
  find("safety", HTMLElement).hidden = checking === "absent";
  field("safety_checker_type").disabled = checking === "absent";
  field("safety_checker").disabled = checking !== "on_request";
}
