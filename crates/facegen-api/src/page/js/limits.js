// The sizes and numbers of steps that the preset offers.

import { find } from "./dom.js";
import { setField } from "./fields.js";
import { recall } from "./tab.js";

/** @typedef {import("./api.js").SizeLimits} SizeLimits */

/** @param {import("./api.js").Offer} offer */
export function showLimits({ size, steps }) {
  const sizes = find("size", HTMLSelectElement);
  const chosen = sizes.value;
  sizes.replaceChildren();
  for (const [width, height] of usualSizes(size)) setField(sizes, `${width}x${height}`);
  const isKept = recall("fields", {}).size !== undefined && fits(chosen, size);
  setField(sizes, isKept ? chosen : `${size.default_side}x${size.default_side}`);

  const numbers = find("num_inference_steps", HTMLSelectElement);
  const before = Number(numbers.value);
  numbers.replaceChildren(...steps.map((number) => new Option(String(number))));
  numbers.value = String(steps.includes(before) ? before : steps[0]);
}

/**
 * The square that the model was trained at, what is as long as possible next to it, and a small one.
 * @param {SizeLimits} limits
 * @returns {number[][]}
 */
function usualSizes({ min_side, max_side, max_area, default_side: side, multiple_of }) {
  /** @param {number} length */
  const floored = (length) => length - (length % multiple_of);
  const long = floored(Math.min(max_side, Math.floor(max_area / side)));
  const small = floored(Math.max(min_side, Math.floor(side / 2)));
  return [[side, side], [side, long], [long, side], [small, small]];
}

/**
 * @param {string} size
 * @param {SizeLimits} limits
 */
function fits(size, { min_side, max_side, max_area }) {
  const [width, height] = size.split("x").map(Number);
  return Math.min(width, height) >= min_side && Math.max(width, height) <= max_side && width * height <= max_area;
}
