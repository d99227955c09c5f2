/** The texts of the narrow call (docs/narrow-call.md). */

const HEADERS = ["cookie", "if-none-match", "content-type", "user-agent"];

/** Method, target and the headers that Python reads, one a line. */
export function headOf(request) {
  const { method, url, headers } = request;
  let head = `${method}\n${targetOf(url)}`;
  for (const name of HEADERS) head += `\n${headers.get(name) ?? ""}`;
  return head;
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

/** @returns {{status: number, background: number, headers: string[][], body: string}} */
export function parseDone(message) {
  const line = message.indexOf("\n");
  const blank = message.indexOf("\n\n", line - 1 < 0 ? 0 : line);
  const [status, background] = message.slice(1, line).split(" ");
  const headers = [];
  for (let start = line + 1; start < blank; ) {
    const end = message.indexOf("\n", start);
    const colon = message.indexOf(": ", start);
    headers.push([message.slice(start, colon), message.slice(colon + 2, end)]);
    start = end + 1;
  }
  return { status: Number(status), background: Number(background), headers, body: message.slice(blank + 2) };
}

/** The value of an effect that ends in an HTTP response. */
export function replyOf(status, headers, body) {
  return `${status}\n${JSON.stringify(Object.fromEntries(headers))}\n${body}`;
}
