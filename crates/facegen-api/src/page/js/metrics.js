// What the metrics say of engines and the queue.

/**
 * @typedef {{labels: Record<string, string>, value: number}} Sample
 * @typedef {Map<string, Sample[]>} Metrics
 */

/** Reads the metrics of the server. @returns {Promise<Metrics>} */
export async function readMetrics() {
  const response = await fetch("/metrics");
  return response.ok ? parse(await response.text()) : new Map();
}

/**
 * Reads Prometheus' text format.
 * @param {string} text
 * @returns {Metrics}
 */
function parse(text) {
  /** @type {Metrics} */
  const metrics = new Map();
  for (const line of text.split("\n")) {
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (!name) continue;
    const samples = metrics.get(name) ?? [];
    samples.push({ labels: parseLabels(labels), value: Number(value) });
    metrics.set(name, samples);
  }
  return metrics;
}

/** @param {string} text */
function parseLabels(text) {
  const pairs = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return Object.fromEntries(pairs.map(([, name, value]) => [name, value]));
}

/** The engines by their devices. @param {Metrics} metrics */
export function engines(metrics) {
  const samples = metrics.get("facegen_engine_ready") ?? [];
  return samples.map(({ labels, value }) => ({ name: labels.engine, ready: value === 1 }));
}

/** How many jobs wait. @param {Metrics} metrics */
export const queued = (metrics) => metrics.get("facegen_queue_depth")?.[0]?.value ?? 0;

/** How many jobs have ended in each state. @param {Metrics} metrics */
export function ended(metrics) {
  const samples = metrics.get("facegen_jobs_total") ?? [];
  return samples.map(({ labels, value }) => `${value} ${labels.state}`).join(", ");
}
