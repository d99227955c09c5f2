/** Answers without Python: while it boots, and after it has failed. */

import popularText from "./popular.json.txt";
import { PROBLEM_TYPE, problem } from "./problem.mjs";
import { targetOf } from "./messages.mjs";

const DEADLINE_MS = 300;
const FINAL = [200, 400, 414, 422]; // the origin's answers that nobody else could better
const DEFAULT_N = 12;

/** The answer to any `/v1/*`, `/healthz` or `/readyz` that Python cannot give. */
export async function withoutPython(request, settings) {
  const target = targetOf(request.url);
  const path = target.split("?", 1)[0];
  if (path === "/healthz") return health();
  if (path === "/readyz") return problem(503, "booting", "the interpreter is not ready", { retry: true });
  if (path !== "/v1/recommend") return problem(503, "booting", "the interpreter is not ready", { retry: true });
  if (request.method !== "GET" && request.method !== "HEAD") {
    const allow = "GET, HEAD, OPTIONS";
    return problem(405, "method_not_allowed", `${path} answers ${allow}`, { headers: { allow } });
  }
  return (await askOrigin(target, settings)) ?? popular(target);
}

/** The bundle's own list, as many as were asked for: the last resort, never an error page. */
export function popular(target) {
  const asked = new URLSearchParams(target.slice(target.indexOf("?") + 1 || target.length));
  const n = Number(asked.get("n") ?? DEFAULT_N);
  const answer = JSON.parse(popularText);
  answer.items = answer.items.slice(0, Number.isInteger(n) && n > 0 ? n : DEFAULT_N);
  answer.slot = /^[a-z0-9][a-z0-9_-]{0,31}$/.test(asked.get("slot") ?? "") ? asked.get("slot") : answer.slot;
  return new Response(JSON.stringify(answer), {
    headers: {
      "content-type": "application/json",
      "cache-control": "private, no-store",
      "doorstep-layer": "popular",
      "doorstep-model": answer.model,
      "server-timing": "decide;dur=0",
    },
  });
}

async function askOrigin(target, settings) {
  const origin = settings.DOORSTEP_ORIGIN_URL?.replace(/\/+$/, "");
  if (!origin) return null;
  const ms = Number(settings.DOORSTEP_ORIGIN_DEADLINE_MS) || DEADLINE_MS;
  try {
    const reply = await fetch(origin + target, { redirect: "manual", signal: AbortSignal.timeout(ms) });
    if (!FINAL.includes(reply.status)) return null;
    const body = await reply.text();
    const type = reply.headers.get("content-type") ?? (reply.ok ? "application/json" : PROBLEM_TYPE);
    const headers = { "content-type": type, "cache-control": "private, no-store" };
    for (const name of ["doorstep-layer", "doorstep-model", "server-timing"]) {
      if (reply.headers.has(name)) headers[name] = reply.headers.get(name);
    }
    return new Response(body, { status: reply.status, headers });
  } catch (error) {
    console.warn(`the origin did not answer: ${error}`);
    return null;
  }
}

function health() {
  const body = { status: "booting", python: null, platform: null, model: null };
  return Response.json(body, { headers: { "cache-control": "no-store" } });
}
