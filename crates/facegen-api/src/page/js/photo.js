// The photo: a file that was dropped, pasted or chosen, or a link; never both.

import { find } from "./dom.js";
import { mark } from "./errors.js";
import { lookForFaces } from "./faces.js";
import { field, form } from "./fields.js";

/** @typedef {{kind: "file", name: string, base64: string} | {kind: "link", url: string}} Photo */

const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];

const area = find("drop", HTMLElement);
const chooser = find("file", HTMLInputElement);
const frame = find("frame", HTMLElement);
const preview = find("preview", HTMLImageElement);
const hint = find("hint", HTMLElement);
const remove = find("remove", HTMLButtonElement);
const HINT = hint.textContent ?? "";

/** @type {{name: string, base64: string} | null} */
let chosen = null;

/** The last file that was taken, while it is read. @type {Promise<void>} */
let reading = Promise.resolve();

/** Waits until the file that was taken last has been read. */
export const photoRead = () => reading;

/** The photo as it is sent. @returns {Photo | null} */
export function photo() {
  if (chosen) return { kind: "file", ...chosen };
  const url = field("face_url").value.trim();
  return url ? { kind: "link", url } : null;
}

/** @param {File} file */
async function choose(file) {
  if (!TYPES.includes(file.type)) {
    forget();
    mark("face_image", `${file.name} is not a JPEG, PNG, WebP or GIF`);
    return chooser.focus();
  }
  const uri = await dataUri(file);
  chosen = { name: file.name, base64: uri.slice(uri.indexOf(",") + 1) };
  preview.src = uri;
  preview.alt = `Chosen photo: ${file.name}`;
  field("face_url").value = "";
  mark("face_image", "");
  show();
  lookForFaces(chosen.base64);
}

/**
 * @param {File} file
 * @returns {Promise<string>}
 */
function dataUri(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Forgets the file, so that another or a link can take its place. */
function forget() {
  chosen = null;
  chooser.value = "";
  preview.removeAttribute("src");
  lookForFaces("");
  show();
}

/** Shows which of the two is used. */
function show() {
  const link = field("face_url");
  const isLink = !chosen && link.value.trim() !== "";
  frame.hidden = !chosen;
  hint.textContent = chosen ? chosen.name : isLink ? "The link below is used" : HINT;
  area.classList.toggle("unused", isLink);
  link.disabled = chosen !== null;
  link.placeholder = chosen ? "the chosen photo is used" : "or its link, https://…";
  remove.hidden = !chosen && !isLink;
  form.dispatchEvent(new Event("input"));
}

/** @param {File | null | undefined} file */
const take = (file) => {
  if (file) reading = choose(file).catch(() => mark("face_image", `${file.name} cannot be read`));
};

/** Takes photos from wherever they come. */
export function watchPhoto() {
  chooser.addEventListener("change", () => take(chooser.files?.[0]));
  field("face_url").addEventListener("input", () => show());
  remove.addEventListener("click", () => {
    field("face_url").value = "";
    forget();
    chooser.focus();
  });
  for (const kind of /** @type {const} */ (["dragover", "dragleave", "drop"])) {
    // A file that misses the area would take the place of the page.
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      area.classList.toggle("over", kind === "dragover");
      if (kind === "drop") take(event.dataTransfer.files[0]);
    });
  }
  document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));
}
