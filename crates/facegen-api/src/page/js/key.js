// The API key: kept for this tab, and in this browser if a plain one is to be.

import { call, Refusal } from "./api.js";
import { find } from "./dom.js";
import { keyError, mark } from "./errors.js";
import { field } from "./fields.js";
import { loadGallery } from "./gallery.js";
import { keepKey, keptKey } from "./kept.js";
import { offerOperations } from "./operations.js";
import { keep, recall } from "./tab.js";

/** @typedef {import("./api.js").Key} Key */

const help = find("key-help", HTMLElement);
const HELP = help.textContent;

/** What the server says of the key. @type {Key | null} */
let known = null;

const given = () => field("key").value.trim();

/** Whether it is the one that is kept in this browser. */
const isKept = () => given() !== "" && given() === keptKey();

/** Asks what the key is, and offers what it permits. */
async function learn() {
  const key = given();
  show(null);
  if (!key) return;
  try {
    const answer = await call("/v1/key", { key });
    // An answer about another key comes too late.
    if (key === given()) show(answer);
  } catch (error) {
    if (key === given() && error instanceof Refusal && error.isAboutKey) refuse(error);
  }
}

/** @param {Key | null} key what is known of it */
function show(key) {
  known = key;
  const isAdmin = key?.role === "admin";
  if (isAdmin && isKept()) keepKey("");
  field("keep_key").checked = isKept();
  find("keep", HTMLElement).hidden = key?.role !== "plain";
  help.textContent = key ? describe(key) : HELP;
  offerOperations(isAdmin);
}

/** @param {Key} key */
function describe({ role, name }) {
  if (role === "admin") return `Admin key ${name}: kept until this tab closes, never longer.`;
  return `Key ${name}: kept ${isKept() ? "in this browser." : "until this tab closes."}`;
}

/** Forgets a key that is not valid, or not any more. @param {Refusal} refusal */
function refuse(refusal) {
  if (isKept()) keepKey("");
  mark("key", keyError(refusal));
}

/** Puts back the key that was given before, and keeps what will be given. */
export function watchKey() {
  const input = field("key");
  input.value = recall("key", "") || keptKey();
  let before = given();
  const use = () => {
    keep("key", given());
    void learn();
    void loadGallery(given());
  };
  input.addEventListener("change", () => {
    // A key that is replaced does not stay.
    if (before === keptKey()) keepKey("");
    before = given();
    use();
  });
  field("keep_key").addEventListener("change", () => {
    keepKey(field("keep_key").checked && known?.role === "plain" ? given() : "");
    show(known);
  });
  use();
}
