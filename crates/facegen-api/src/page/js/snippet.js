// The panel with the request as code, in the language of the chosen tab.

import { MAKE_GEN } from "./api.js";
import { LANGUAGES } from "./code.js";
import { find } from "./dom.js";
import { form, values } from "./fields.js";
import { photo } from "./photo.js";

const text = find("text", HTMLElement);
const copy = find("copy", HTMLButtonElement);
const tabs = [...find("code", HTMLElement).querySelectorAll("button")].filter((button) => button.role === "tab");

let language = "curl";

function showSnippet() {
  const request = { url: location.origin + MAKE_GEN, photo: photo(), values: values() };
  text.textContent = LANGUAGES[language](request);
}

/** @param {HTMLButtonElement} tab */
function choose(tab) {
  language = tab.dataset.language ?? language;
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
  find("snippet", HTMLElement).setAttribute("aria-labelledby", tab.id);
  showSnippet();
}

/** Arrows go from tab to tab. @param {KeyboardEvent} event */
function move(event) {
  const steps = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!steps) return;
  const at = tabs.findIndex((tab) => tab.tabIndex === 0);
  const tab = tabs[(at + steps + tabs.length) % tabs.length];
  choose(tab);
  tab.focus();
}

async function copyText() {
  try {
    await navigator.clipboard.writeText(text.textContent ?? "");
    copy.textContent = "Copied";
  } catch {
    getSelection()?.selectAllChildren(text);
    copy.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => (copy.textContent = "Copy"), 2000);
}

/** Keeps the code the same as the form. */
export function watchSnippet() {
  for (const kind of ["input", "change"]) form.addEventListener(kind, showSnippet);
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", move);
  }
  copy.addEventListener("click", copyText);
  showSnippet();
}
