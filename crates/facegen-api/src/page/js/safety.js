// Whether images are checked. No call says it of the server; each job says whether it was, or would be now.

import { find } from "./dom.js";
import { field } from "./fields.js";
import { askedOf } from "./tab.js";

/** @typedef {"unknown" | "absent" | "on request" | "always"} Checking */

/** @type {Record<Checking, string>} */
const HEADER = {
  unknown: "the first image shows whether images are checked",
  absent: "images are not checked",
  "on request": "images are checked",
  always: "every image is checked",
};

/** @type {Record<Checking, string>} */
const HELP = {
  unknown: "Unsafe images are replaced if the preset has a safety checker. The first image shows whether it has.",
  absent: "This preset has no safety checker: images are not checked.",
  "on request": "",
  always: "The operator has every image checked.",
};

/** @type {Checking} */
let checking = "unknown";

/**
 * Learns from a job whether images are checked.
 * @param {import("./api.js").Job} job
 */
export function learnFrom({ id, used }) {
  const wanted = askedOf(id)?.safety_checker;
  if (!used) return;
  if (used.safety_checker) show(wanted === false ? "always" : checking === "always" ? "always" : "on request");
  else if (wanted !== false && askedOf(id)) show("absent");
  else if (checking === "always") show("on request");
}

/** @param {Checking} now */
function show(now) {
  checking = now;
  showSafety();
}

/** Shows what is known, and only the fields that have a meaning. */
export function showSafety() {
  find("checking", HTMLElement).textContent = HEADER[checking];
  find("safety-help", HTMLElement).textContent = HELP[checking];
  find("safety", HTMLElement).hidden = checking === "absent";
  field("safety_checker_type").disabled = checking === "absent";
  field("safety_checker").disabled = checking === "absent" || checking === "always";
}
