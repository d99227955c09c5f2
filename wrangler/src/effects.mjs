/** What a handler may ask for (docs/narrow-call.md), performed inside the request that asked. */

import { replyOf } from "./messages.mjs";

const PERFORM = { fetch: doFetch, cache_get: cacheGet, cache_put: cachePut, load_model: loadModel };

/**
 * @param {object} effect as Python wrote it
 * @param {{context: ExecutionContext, signal: AbortSignal | undefined, models: import("./models.mjs").ModelMemory}} host
 * @returns {Promise<string>} the effect's value
 */
export function perform(effect, host) {
  const act = PERFORM[effect.do];
  if (!act) throw new Error(`no such effect: ${effect.do}`);
  return act(effect, host);
}

async function doFetch({ url, method, headers, body, timeout_ms }, { signal }) {
  const response = await fetch(url, {
    method,
    headers,
    body: body || undefined,
    redirect: "manual",
    signal: limit(timeout_ms, signal),
  });
  return replyOf(response.status, response.headers, await response.text());
}

async function cacheGet({ key }) {
  const hit = await caches.default.match(key);
  return hit ? replyOf(hit.status, hit.headers, await hit.text()) : "";
}

async function cachePut({ key, headers, body }, { context }) {
  const done = caches.default.put(key, new Response(body, { headers }));
  context.waitUntil(done.catch((error) => console.warn(`could not keep an answer: ${error}`)));
  return "";
}

async function loadModel({ url, headers, timeout_ms }, { signal, models }) {
  const response = await fetch(url, { headers, redirect: "manual", signal: limit(timeout_ms, signal) });
  const name = response.status === 200 ? await models.receive(response) : "";
  if (response.status !== 200) await response.body?.cancel();
  return replyOf(response.status, response.headers, name);
}

/** Ends with the time or with the request, whichever comes first. */
function limit(ms, signal) {
  const timeout = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([timeout, signal]) : timeout;
}
