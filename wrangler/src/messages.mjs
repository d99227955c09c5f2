/** The texts of the narrow call (docs/narrow-call.md). */

/** Method, target and the headers that Python reads, one a line; those that tell of a body only where there may be one. */
export function headOf(request) {
  const { method, url, headers } = request;
  const head = `${method}\n${targetOf(url)}\n${headers.get("cookie") ?? ""}\n${headers.get("if-none-match") ?? ""}`;
  if (method === "GET" || method === "HEAD") return `${head}\n\n`;
  return `${head}\n${headers.get("content-type") ?? ""}\n${headers.get("user-agent") ?? ""}`;
}

/** Path and query of an absolute URL, without the cost of parsing it. */
export function targetOf(url) {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const end = url.indexOf("#", start);
  return start < 0 ? "/" : url.slice(start, end < 0 ? undefined : end);
}

/** Whether a message asks for an effect. */
export function isAsk(message) {
  return message.charCodeAt(0) === 65; // "A"
}

/** @returns {{ticket: number, effect: object}} */
export function parseAsk(message) {
  const line = message.indexOf("\n");
  return { ticket: Number(message.slice(1, line)), effect: JSON.parse(message.slice(line + 1)) };
}

/** @returns {{status: number, background: number, head: string, body: string}} `head` is for {@link headersOf} */
export function parseDone(message) {
  const line = message.indexOf("\n");
  const blank = message.indexOf("\n\n", line);
  const [status, background] = message.slice(1, line).split(" ");
  const head = message.slice(line + 1, blank + 1);
  return { status: Number(status), background: Number(background), head, body: message.slice(blank + 2) };
}

const MAX_HEADS = 256;
const heads = new Map();

/**
 * The headers in the lines of `head`. Most answers have the same ones as another before: making a Headers from pairs
 * costs 14 us, copying one into a Response 5.
 *
 * @returns {Headers} shared, so not to be changed
 */
export function headersOf(head) {
  const known = heads.get(head);
  if (known) return known;
  const headers = new Headers();
  for (const line of head.split("\n").filter(Boolean)) {
    const colon = line.indexOf(": ");
    headers.append(line.slice(0, colon), line.slice(colon + 2));
  }
  if (heads.size >= MAX_HEADS) heads.clear();
  heads.set(head, headers);
  return headers;
}

/** The value of an effect that ends in an HTTP response. */
export function replyOf(status, headers, body) {
  return `${status}\n${JSON.stringify(Object.fromEntries(headers))}\n${body}`;
}
