/** Problem documents (RFC 9457) as shared/errors.py writes them, for what the host refuses by itself. */

export const PROBLEM_TYPE = "application/problem+json";

/** @returns {Response} with `retry`, one that asks to come back in a second */
export function problem(status, code, detail, { retry = false, headers = {} } = {}) {
  const title = code.replaceAll("_", " ");
  const again = retry ? { "retry-after": "1" } : {};
  return new Response(JSON.stringify({ type: "about:blank", title, status, code, detail, retry }), {
    status,
    headers: { "content-type": PROBLEM_TYPE, "cache-control": "no-store", ...again, ...headers },
  });
}
