// For operators, with an admin key: the queue, the engines, and the deliveries of the key, which can be repeated.

import { call } from "./api.js";
import { find, make, makeButton } from "./dom.js";
import { field } from "./fields.js";
import { ended, engines, queued, readMetrics } from "./metrics.js";

/** @typedef {import("./api.js").Delivery} Delivery */

const REFRESH = 5000;
/** How long after a replay the deliveries are asked for again. */
const REPLAYED = 3000;
const PAGE = 20;
const DETAILS = "/api/v1/enterprise/face_gen/system_details";

const fold = find("operations", HTMLDetailsElement);
const message = find("deliveries-message", HTMLElement);
const rows = find("delivery-rows", HTMLElement);
const older = find("older-deliveries", HTMLButtonElement);

/** What to ask for those before. @type {number | null} */
let before = null;

const key = () => field("key").value.trim();

async function showState() {
  const metrics = await readMetrics();
  const details = key() ? await call(DETAILS, { key: key(), method: "POST", body: {} }).catch(() => null) : null;
  const backlog = details?.queue_time ? `, about ${details.queue_time} s` : "";
  const facts = [
    ["Waiting", `${queued(metrics)} jobs${backlog}`],
    ["Ended", ended(metrics) || "none"],
    ["Networks loaded", details ? String(details.model_count) : "needs a key"],
    ...engines(metrics).map(({ name, ready }) => [`Engine ${name}`, ready ? "ready" : "not ready"]),
  ];
  const terms = facts.map(([term, text]) => make("div", {}, make("dt", { textContent: term }), make("dd", { textContent: text })));
  find("state", HTMLElement).replaceChildren(...terms);
}

/** Shows the latest deliveries, or those before them as well. @param {number | null} [from] */
async function showDeliveries(from = null) {
  if (!key()) return showRows([], null, "no API key given");
  const query = from ? `&before=${from}` : "";
  /** @type {import("./api.js").DeliveryPage} */
  const page = await call(`/v1/deliveries?limit=${PAGE}${query}`, { key: key() });
  const kept = from ? [...rows.children] : [];
  showRows([...kept, ...page.items.map(row)], page.next_before, "none: no request had a webhook, and no bucket is set");
}

/**
 * @param {Element[]} all
 * @param {number | null} next
 * @param {string} none what to say when there are none
 */
function showRows(all, next, none) {
  rows.replaceChildren(...all);
  find("deliveries", HTMLTableElement).hidden = all.length === 0;
  message.textContent = all.length === 0 ? none : "";
  before = next;
  older.hidden = !next;
}

/** @param {Delivery} delivery */
function row(delivery) {
  const { job_id, kind, state, attempts, last_error } = delivery;
  const texts = [String(job_id), kind, state, String(attempts), last_error ?? ""];
  const action = make("td");
  const isEnded = state === "delivered" || state === "dead";
  if (isEnded) action.append(makeButton("Replay", "quiet", () => attempt(() => replay(delivery))));
  return make("tr", {}, ...texts.map((textContent) => make("td", { textContent })), action);
}

/** @param {Delivery} delivery */
async function replay({ id, job_id }) {
  await call(`/v1/deliveries/${encodeURIComponent(id)}/replay`, { key: key(), method: "POST", body: {} });
  await showDeliveries();
  message.textContent = `the delivery of job ${job_id} is queued`;
  setTimeout(() => attempt(() => showDeliveries()), REPLAYED);
}

/** @param {() => Promise<unknown>} action */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    message.textContent = error instanceof Error ? error.message : String(error);
  }
}

/** Offers all this, or not. @param {boolean} isOffered */
export function offerOperations(isOffered) {
  if (fold.hidden === !isOffered) return;
  fold.hidden = !isOffered;
  if (!isOffered) fold.open = false;
}

/** Shows all this while its fold is open. */
export function watchOperations() {
  fold.addEventListener("toggle", () => fold.open && attempt(() => Promise.all([showState(), showDeliveries()])));
  older.addEventListener("click", () => attempt(() => showDeliveries(before)));
  setInterval(() => fold.open && !document.hidden && showState().catch(() => {}), REFRESH);
}
