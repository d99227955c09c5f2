/** The texts of the narrow call (docs/narrow-call.md). */

/** Method, target and the headers that Python reads, one a line; of the sender only where something may be sent. */
export function headOf(request) {
  const { method, url, headers } = request;
  const head = `${method}\n${targetOf(url)}\n${headers.get("cookie") ?? ""}\n${headers.get("if-none-match") ?? ""}`;
  return method === "GET" || method === "HEAD" ? `${head}\n` : `${head}\n${senderOf(request)}`;
}

/**
 * Whatever the platform knows of the client counts before what a header says. Of X-Forwarded-For only the last address
 * was written by a proxy that stands in front of this worker; the client may have made up those before it.
 */
function senderOf({ url, headers, cf }) {
  const get = (name) => headers.get(name) ?? "";
  const address = get("cf-connecting-ip") || get("x-forwarded-for").split(",").at(-1).trim();
  const country = cf?.country ?? get("cf-ipcountry");
  const own = ["content-type", "user-agent", "sec-gpc", "traceparent"].map(get);
  return [...own, address, country, cf?.colo ?? "", schemeOf(url, get("x-forwarded-proto"))].join("\n");
}

/** What the browser spoke: to us, or to the first proxy of those that stand in front of us. */
function schemeOf(url, forwarded) {
  return url.startsWith("https:") || forwarded.split(",", 1)[0].trim() === "https" ? "https" : "http";
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
 * The headers in the lines of `head`; cookies stand last.
 *
 * @returns {Headers} perhaps shared, so not to be changed
 */
export function headersOf(head) {
  const cookies = head.indexOf("set-cookie: ");
  if (cookies < 0) return sharedHeadersOf(head);
  const headers = new Headers(sharedHeadersOf(head.slice(0, cookies)));
  return append(headers, head.slice(cookies)); // somebody's own: to keep them would drive out the others
}

/** Most answers have the same headers as another before: to make them from pairs costs 14 us, to copy them 5. */
function sharedHeadersOf(head) {
  const known = heads.get(head);
  if (known) return known;
  const headers = append(new Headers(), head);
  if (heads.size >= MAX_HEADS) heads.clear();
  heads.set(head, headers);
  return headers;
}

function append(headers, lines) {
  for (const line of lines.split("\n").filter(Boolean)) {
    const colon = line.indexOf(": ");
    headers.append(line.slice(0, colon), line.slice(colon + 2));
  }
  return headers;
}

/** The value of an effect that ends in an HTTP response. Several cookies are one value, each on a line of its own. */
export function replyOf(status, headers, body) {
  const fields = Object.fromEntries(headers);
  const cookies = headers.getSetCookie();
  if (cookies.length > 1) fields["set-cookie"] = cookies.join("\n");
  return `${status}\n${JSON.stringify(fields)}\n${body}`;
}
