/**
 * The browser's end of Doorstep: remembers what the visitor clicked, asks the edge what to show, and keeps answers.
 *
 *     import { recommend, click } from "https://shop.example/doorstep.js";
 *     click("85123A");
 *     const { items, layer, ms } = await recommend("home", { n: 12 });
 *
 * An answer is stored under the whole question, history included, so no answer from before a click follows it.
 * Nothing here throws: without storage it lives in memory, without an edge it answers from what it has.
 */

const FRESH_MS = 30_000;
const STALE_MS = 24 * 3600_000;
const TIMEOUT_MS = 5_000;
const MAX_HISTORY = 20;
const MAX_ANSWERS = 30;
const MAX_BYTES = 100_000;
const HISTORY = "doorstep.1.history";
const ANSWERS = "doorstep.1.answers";

/** What localStorage refused (private mode, blocked, full), by key; it is newer than what localStorage holds. */
const unsaved = new Map();
/** Questions under way, by key, so that equal questions at once make one request. */
const pending = new Map();
/** Counts calls of forget(): an answer that was asked for before one must not be stored after it. */
let lives = 0;

/**
 * The items to show in `slot`.
 *
 * @param {string} slot  the place on the page, e.g. "home"
 * @param {object} [options]
 * @param {number} [options.n]  1 to 100
 * @param {string} [options.filter]  e.g. "category=bags;price<=5"
 * @param {string[]} [options.exclude]  ids never to show
 * @param {"drop"|"allow"} [options.seen]  whether items of the history may be shown; the slot's rule by default
 * @param {string[]} [options.items]  stands in for the visitor's history, newest first
 * @param {boolean} [options.bypass]  do not answer from this browser's store
 * @returns {Promise<Answer>} always resolves; `items` is empty and `layer` is "none" when nothing can be had
 *
 * @typedef {object} Answer
 * @property {{id: string, score: number, because: string|null}[]} items  best first, with the model's display members
 * @property {string} layer  where the answer came from: "client" is this browser's store
 * @property {string|null} model
 * @property {{total: number, compute: number|null}} ms  as seen from here; `compute` as the edge measured it
 * @property {boolean} stale  older than 30 s, given at once while `newer` is fetched
 * @property {Promise<Answer|null>} [newer]  only on a stale answer; null if no newer one could be had
 */
export async function recommend(slot = "home", { n = 12, filter, exclude, seen, items, bypass = false } = {}) {
  const started = performance.now();
  const query = new URLSearchParams({ slot, n, items: (items ?? history()).slice(0, MAX_HISTORY) });
  if (exclude?.length) query.set("exclude", [...exclude].sort());
  if (filter) query.set("filter", filter);
  if (seen) query.set("seen", seen);
  const key = query.toString();

  const stored = bypass ? undefined : storedAnswers()[key];
  const age = stored ? Date.now() - stored.at : NaN; // a clock set back gives a negative age: not fresh
  if (!(Math.abs(age) < STALE_MS)) return (await ask(key)) ?? nothing(started);
  const stale = !(age >= 0 && age < FRESH_MS);
  const { at, ...rest } = stored;
  const answer = { ...rest, layer: "client", ms: { total: performance.now() - started, compute: null }, stale };
  return stale ? { ...answer, newer: ask(key) } : answer;
}

/** Put `item` (an id, or an item of an answer) at the head of the history. Repeats stay: they count. */
export function click(item) {
  const id = String((typeof item === "object" ? item?.id : item) ?? "");
  if (id && !id.includes(",")) save(HISTORY, [id, ...history()].slice(0, MAX_HISTORY));
}

/** The ids the visitor clicked, newest first, at most 20. */
export function history() {
  const ids = load(HISTORY);
  return Array.isArray(ids) ? ids.filter((id) => typeof id === "string").slice(0, MAX_HISTORY) : [];
}

/** Erase the history and every stored answer from this browser. */
export function forget() {
  lives += 1;
  pending.clear();
  for (const key of [HISTORY, ANSWERS]) {
    unsaved.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // Storage that refuses to erase also refuses to be read.
    }
  }
}

/** One request to the edge that served this file; its answer is stored. Null, never an exception, if that fails. */
function ask(key) {
  if (pending.has(key)) return pending.get(key);
  const asking = fetchAnswer(key).catch(() => null);
  pending.set(key, asking);
  asking.then(() => pending.get(key) === asking && pending.delete(key));
  return asking;
}

async function fetchAnswer(key) {
  const life = lives;
  const started = performance.now();
  const response = await fetch(new URL(`/v1/recommend?${key}`, import.meta.url), {
    cache: "no-store", // one cache in the browser, whose age we know
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body = response.ok ? await response.json() : null;
  if (!Array.isArray(body?.items)) return null;
  const answer = { ...body, layer: response.headers.get("Doorstep-Layer") ?? "unknown" };
  if (life === lives) store(key, body);
  const ms = { total: performance.now() - started, compute: computeTime(response.headers.get("Server-Timing")) };
  return { ...answer, ms, stale: false };
}

/** Milliseconds of all metrics in a Server-Timing header, or null: `decide;dur=0.21` is 0.21. */
function computeTime(header) {
  const spans = [...(header ?? "").matchAll(/;\s*dur=([\d.]+)/g)];
  return spans.length ? spans.reduce((sum, [, dur]) => sum + Number(dur), 0) : null;
}

/** Keep `body` as the newest answer, and drop the oldest ones beyond the bounds. */
function store(key, body) {
  const { [key]: _, ...others } = storedAnswers();
  let kept = Object.entries(others).concat([[key, { ...body, at: Date.now() }]]).slice(-MAX_ANSWERS);
  while (JSON.stringify(kept).length > MAX_BYTES) kept = kept.slice(1);
  save(ANSWERS, Object.fromEntries(kept));
}

function storedAnswers() {
  const answers = load(ANSWERS);
  const valid = ([, answer]) => Array.isArray(answer?.items) && typeof answer.at === "number";
  return Object.fromEntries(Object.entries(answers ?? {}).filter(valid));
}

function nothing(started) {
  const ms = { total: performance.now() - started, compute: null };
  return { items: [], slot: null, model: null, variant: null, layer: "none", ms, stale: false };
}

function load(key) {
  if (unsaved.has(key)) return unsaved.get(key);
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function save(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    unsaved.delete(key);
  } catch {
    unsaved.set(key, value);
  }
}
