/** Problem documents (RFC 9457) as shared/errors.py writes them, for what the host refuses by itself. */

export const PROBLEM_TYPE = "application/problem+json";

/** @returns {Response} */
export function problem(status, code, detail, { retry = false, headers = {} } = {}) {
  const title = code.replaceAll("_", " ");
  return new Response(JSON.stringify({ type: "about:blank", title, status, code, detail, retry }), {
    status,
    headers: { "content-type": PROBLEM_TYPE, "cache-control": "no-store", ...headers },
  });
}
