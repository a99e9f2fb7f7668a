// Outlines the faces that the server finds in the chosen photo, before anything is made of it.

import { call, Refusal } from "./api.js";
import { find, make } from "./dom.js";
import { mark } from "./errors.js";
import { field } from "./fields.js";

/**
 * @typedef {{box: [number, number, number, number], score: number}} Face
 * @typedef {{width: number, height: number, faces: Face[]}} Found
 */

/** As the server says it of a job. */
const NO_FACE = "No face detected in the photo";

const frame = find("frame", HTMLElement);
const help = find("faces-help", HTMLElement);

/** The photo that is shown, in base64. */
let shown = "";
/** Whether this has said what is wrong with it. */
let isRefused = false;
let search = new AbortController();

/** Looks for faces in this photo, in base64, or in none. @param {string} base64 */
export function lookForFaces(base64) {
  shown = base64;
  void look();
}

async function look() {
  search.abort();
  search = new AbortController();
  const { signal } = search;
  for (const face of frame.querySelectorAll(".face")) face.remove();
  help.textContent = "";
  if (isRefused) mark("face_image", "");
  isRefused = false;
  const key = field("key").value.trim();
  if (!shown || !key) return;
  try {
    show(await call("/v1/faces", { key, method: "POST", body: { face_image: shown }, signal }));
  } catch (error) {
    // Whatever else is wrong, a request for images says it.
    const texts = error instanceof Refusal && !signal.aborted ? error.errors.face_image : undefined;
    if (texts) refuse(texts.join(" "));
  }
}

/** @param {string} text */
function refuse(text) {
  isRefused = true;
  mark("face_image", text);
}

/** @param {Found} found */
function show({ width, height, faces }) {
  for (const [index, { box }] of faces.entries()) {
    const [left, top, right, bottom] = box;
    const face = make("span", { className: index === 0 ? "face used" : "face" });
    face.style.left = percent(left / width);
    face.style.top = percent(top / height);
    face.style.width = percent((right - left) / width);
    face.style.height = percent((bottom - top) / height);
    frame.append(face);
  }
  if (faces.length === 0) refuse(NO_FACE);
  else help.textContent = faces.length === 1 ? "One face found" : `${faces.length} faces found: the one with the solid outline is used`;
}

/** @param {number} part */
const percent = (part) => `${(part * 100).toFixed(2)}%`;

/** Looks again when there is another key. */
export function watchFaces() {
  field("key").addEventListener("change", () => void look());
}
