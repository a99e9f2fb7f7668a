// What the server says of itself: whether it is ready, on which devices, and what the preset offers.

import { call } from "./api.js";
import { find } from "./dom.js";
import { field, form, fill } from "./fields.js";
import { showLimits } from "./limits.js";
import { engines, readMetrics } from "./metrics.js";
import { showSafety } from "./safety.js";
import { recall } from "./tab.js";

/** @typedef {import("./api.js").Readiness} Readiness */

/** The preset that draws; what it drew is the example. */
const DEMO = "demo";
const EXAMPLE = "/page/example.jpg";
const EXAMPLE_PROMPT = "a person at the beach, wearing a red sweater";

const readiness = find("readiness", HTMLElement);

/** @type {Record<string, (answer: Readiness) => string>} */
const WORDS = {
  ready: () => "ready",
  loading: ({ component, loaded, components }) => `loading ${component}, ${loaded} of ${components} done`,
  draining: () => "stopping",
  broken: ({ reason }) => reason ?? "broken",
};

/** Shows whether the server is ready, again and again. */
export async function watchReadiness() {
  const before = readiness.dataset.status;
  const answer = await ask();
  readiness.dataset.status = answer.status;
  const text = WORDS[answer.status]?.(answer) ?? "cannot be reached";
  // A text that stays the same is not read out again.
  if (readiness.textContent !== text) readiness.textContent = text;
  const isNew = before === undefined || (answer.status === "ready" && before !== "ready");
  if (isNew) await Promise.allSettled([showOffer(), showDevice()]);
  setTimeout(watchReadiness, answer.status === "ready" ? 10000 : 1000);
}

/** @returns {Promise<Readiness>} */
async function ask() {
  try {
    return await (await fetch("/readyz")).json();
  } catch {
    return { status: "gone" };
  }
}

/** Shows the version, what the preset offers, and what people should know who see the images. */
async function showOffer() {
  /** @type {import("./api.js").Offer} */
  const offer = await call("/", { headers: { accept: "application/json" } });
  find("version", HTMLElement).textContent = offer.version;
  find("preset", HTMLElement).textContent = `preset ${offer.preset}, ${offer.dtype}`;
  showSafety(offer.safety_checking);
  showLimits(offer);
  showStyles(offer.styles);
  form.dispatchEvent(new Event("input"));
  find("notice", HTMLElement).hidden = !offer.notice;
  find("notice-text", HTMLElement).textContent = offer.notice ?? "";
  const isDemo = offer.preset === DEMO;
  find("published", HTMLElement).hidden = !isDemo;
  if (isDemo) showExample();
}

/** @param {string[]} styles */
function showStyles(styles) {
  const select = field("style");
  const chosen = select.value || recall("fields", {}).style;
  select.replaceChildren(...styles.map((style) => new Option(style, style)));
  if (styles.includes(chosen)) select.value = chosen;
  const element = form.querySelector("[data-field=style]");
  if (element instanceof HTMLElement) element.hidden = styles.length < 2;
  select.disabled = styles.length < 2;
}

async function showDevice() {
  const names = engines(await readMetrics()).map(({ name }) => name);
  find("device", HTMLElement).textContent = names.length > 0 ? `on ${names.join(", ")}` : "";
}

/** Shows what the demo draws, where no result has been yet. */
function showExample() {
  const image = document.getElementById("example-image");
  if (!(image instanceof HTMLImageElement)) return;
  image.src = EXAMPLE;
  find("example", HTMLElement).hidden = false;
  find("empty-text", HTMLElement).hidden = true;
  find("example-prompt", HTMLElement).addEventListener("click", () => fill({ prompt: EXAMPLE_PROMPT }));
}
