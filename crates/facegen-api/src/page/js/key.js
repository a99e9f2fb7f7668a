// The API key, kept for this tab.

import { field } from "./fields.js";
import { loadGallery } from "./gallery.js";
import { keep, recall } from "./tab.js";

/** Puts back the key that was given before a reload, and keeps what will be given. */
export function watchKey() {
  const input = field("key");
  input.value = recall("key", "");
  const given = () => input.value.trim();
  input.addEventListener("change", () => {
    keep("key", given());
    void loadGallery(given());
  });
  void loadGallery(given());
}
