// The page at `/`: makes images as any client of the server would, and shows how.

import { find } from "./dom.js";
import { watchErrors } from "./errors.js";
import { watchFaces } from "./faces.js";
import { form, restoreFields } from "./fields.js";
import { markShown, onOpen } from "./gallery.js";
import { watchKey } from "./key.js";
import { watchOperations } from "./operations.js";
import { watchPhoto } from "./photo.js";
import { showResult } from "./results.js";
import { cancelRunning, makeImages, resume } from "./run.js";
import { watchReadiness } from "./server.js";
import { watchSnippet } from "./snippet.js";

restoreFields();
watchErrors();
watchPhoto();
watchFaces();
watchKey();
watchSnippet();
watchOperations();
onOpen((job) => {
  showResult(job);
  markShown();
  find("images", HTMLElement).scrollIntoView({ block: "nearest" });
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void makeImages();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
find("cancel", HTMLButtonElement).addEventListener("click", () => void cancelRunning());
void watchReadiness();
void resume();
