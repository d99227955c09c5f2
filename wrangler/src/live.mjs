/** `/v1/live`: what the origin pushes, handed on as it comes; server-sent events or a WebSocket. Python has no part in it. */

import { problem } from "./problem.mjs";

const PATH = "/v1/live";
const ALLOW = "GET, OPTIONS";
const CONNECT_MS = 5_000;
const PASSED = ["accept", "cookie", "last-event-id", "origin", "sec-gpc", "sec-websocket-protocol", "user-agent"];

/** Whether a target (path and query) is this one's. */
export function isLive(target) {
  return target.startsWith(PATH) && (target.length === PATH.length || target[PATH.length] === "?");
}

/** @returns {Promise<Response>} the origin's, its body not read; a problem document if it is away */
export async function live(request, target, settings) {
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow: ALLOW } });
  if (request.method !== "GET") {
    return problem(405, "method_not_allowed", `${PATH} answers ${ALLOW}`, { headers: { allow: ALLOW } });
  }
  const origin = settings.DOORSTEP_ORIGIN_URL?.replace(/\/+$/, "");
  if (!origin) return problem(503, "no_origin", "this edge has no origin: DOORSTEP_ORIGIN_URL is not set");
  try {
    const response = await connect(origin + target, request);
    if (response.status < 500) return handOn(response);
    await response.body?.cancel();
    console.warn(`the origin answered ${response.status} to ${PATH}`);
  } catch (error) {
    console.warn(`the origin did not answer: ${error}`);
  }
  return problem(503, "origin_unavailable", "the origin pushes nothing now; connect again", { retry: true });
}

/** The deadline is for the connection; what follows lasts as long as the page is open. */
async function connect(url, request) {
  const upgraded = request.headers.get("upgrade")?.toLowerCase() === "websocket";
  const headers = new Headers({ "accept-encoding": "identity" });
  for (const name of PASSED) if (request.headers.has(name)) headers.set(name, request.headers.get(name));
  if (upgraded) headers.set("upgrade", "websocket");
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new Error("it took too long to answer")), CONNECT_MS);
  const signal = upgraded ? deadline.signal : AbortSignal.any([deadline.signal, request.signal]);
  try {
    return await fetch(url, { headers, redirect: "manual", signal });
  } finally {
    clearTimeout(timer);
  }
}

function handOn(response) {
  const { status, headers, webSocket } = response;
  if (webSocket) return new Response(null, { status, headers, webSocket });
  return new Response(response.body, { status, headers });
}
