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

/**
 * Exchanges the token of the link that `facegen run` printed for a key of this page.
 * @param {(key: string) => void} use
 */
async function redeem(use) {
  const token = /^#token=([0-9a-f]+)$/.exec(location.hash)?.[1];
  if (!token) return;
  // It works once: neither the history nor a bookmark is to keep it.
  history.replaceState(null, "", location.pathname);
  try {
    const answer = await call("/page/key", { method: "POST", key: token });
    use(answer.key);
  } catch (error) {
    // A tab that has a key needs no other.
    if (!given()) mark("key", error instanceof Refusal ? error.message : "the server cannot be reached");
  }
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
  const redeemed = (/** @type {string} */ key) => {
    input.value = key;
    mark("key", "");
    input.dispatchEvent(new Event("change"));
  };
  window.addEventListener("hashchange", () => void redeem(redeemed));
  void redeem(redeemed);
}
