/** The files that the worker serves by itself: the SDK, and the shop in demo mode. */

import { assets } from "./assets.mjs";
import { problem } from "./problem.mjs";

const SHOP = "/shop/";

/** @returns {Response} the file at `path`, or a problem document */
export function serveFile(request, path, demo) {
  const name = path === "/" ? `${SHOP}index.html` : path.endsWith("/") ? `${path}index.html` : path;
  const file = name.startsWith(SHOP) && !demo ? undefined : assets.get(name);
  if (!file) return problem(404, "not_found", `there is nothing at ${path.slice(0, 100)}`);
  if (request.method !== "GET" && request.method !== "HEAD") {
    const allow = "GET, HEAD";
    return problem(405, "method_not_allowed", `${path.slice(0, 100)} answers ${allow}`, { headers: { allow } });
  }
  const headers = {
    "content-type": file.type,
    etag: file.etag,
    "cache-control": "public, max-age=60",
    "x-content-type-options": "nosniff",
  };
  const known = request.headers.get("if-none-match")?.includes(file.etag);
  return known ? new Response(null, { status: 304, headers }) : new Response(file.body, { headers });
}
