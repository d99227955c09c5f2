/**
 * The worker that bench/kernel.py measures: PUT a model, POST a question to prepare, then GET how long each way takes.
 * Times are medians over batches; a batch is long enough for workerd's clock, which ticks once a millisecond.
 */

import { boot } from "./boot.mjs";
import { ModelMemory } from "./models.mjs";

const BATCH_MS = 60;
const BATCHES = 9;

const { python, memory, kernel } = await boot();
const selftest = python.pyimport("edge.selftest").SelfTest(python.pyimport("_doorstep"));
const models = new ModelMemory(selftest, memory, kernel);

const ROUTES = {
  "/healthz": async () => "ok",
  "/model": (request) => models.receive(request),
  "/kernel": async (request) => selftest.answer(await request.text()),
  "/wasm": async () => {
    const [desk, allowed, k] = JSON.parse(selftest.last_call());
    return median(() => kernel.top(desk, allowed, k));
  },
  "/js": async (request) => {
    const { items, dims, k } = await request.json();
    const rows = Float32Array.from({ length: items * dims }, (_, i) => ((i * 2654435761) % 255) - 127);
    const query = Float32Array.from({ length: dims }, (_, i) => ((i * 40503) % 255) - 127);
    return median(() => scanFloats(rows, query, k));
  },
  "/memcpy": async (request) => {
    const { bytes } = await request.json();
    const from = new Uint8Array(bytes).fill(1);
    const to = new Uint8Array(bytes).fill(2);
    return median(() => to.set(from));
  },
};

export default {
  async fetch(request) {
    const answer = await ROUTES[new URL(request.url).pathname](request);
    return new Response(typeof answer === "string" ? answer : JSON.stringify(answer));
  },
};

/** Median milliseconds per call. */
function median(act) {
  let calls = 1;
  while (elapsed(act, calls) < BATCH_MS) calls *= 2;
  const times = Array.from({ length: BATCHES }, () => elapsed(act, calls) / calls).sort((a, b) => a - b);
  return times[BATCHES >> 1];
}

function elapsed(act, calls) {
  const start = performance.now();
  for (let n = 0; n < calls; ++n) act();
  return performance.now() - start;
}

/** The k best rows by dot product, as one writes it in JavaScript: a loop over floats and a sorted list of winners. */
function scanFloats(rows, query, k) {
  const dims = query.length;
  const best = [];
  let floor = -Infinity;
  for (let item = 0, at = 0; at < rows.length; ++item, at += dims) {
    let score = 0;
    for (let c = 0; c < dims; ++c) score += rows[at + c] * query[c];
    if (score <= floor && best.length === k) continue;
    let place = best.length;
    while (place > 0 && best[place - 1].score < score) --place;
    best.splice(place, 0, { item, score });
    if (best.length > k) best.pop();
    floor = best[best.length - 1].score;
  }
  return best;
}
