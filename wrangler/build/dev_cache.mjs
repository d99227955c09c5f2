/**
 * The Cache API under plain workerd, which has none of its own: a small cache in memory, for development and tests.
 *
 * workerd turns `caches.default.match` into a GET with `cache-control: only-if-cached`, `put` into a PUT whose body is
 * the response as HTTP/1.1 text, and `delete` into a PURGE. A hit says so in `cf-cache-status`; a miss is a 504.
 */

const MAX_ENTRIES = 1000;
const MAX_BYTES = 32 * 1024 * 1024;

const kept = new Map(); // by URL, least recently used first
let bytes = 0;

export default {
  async fetch(request) {
    if (request.method === "PUT") return put(request.url, new Uint8Array(await request.arrayBuffer()));
    if (request.method === "PURGE") return new Response(null, { status: remove(request.url) ? 200 : 404 });
    return get(request.url);
  },
};

function get(url) {
  const entry = kept.get(url);
  if (!entry || entry.until <= Date.now()) {
    remove(url);
    return new Response(null, { status: 504, headers: { "cf-cache-status": "MISS" } });
  }
  kept.delete(url);
  kept.set(url, entry);
  const headers = new Headers(entry.headers);
  headers.set("cf-cache-status", "HIT");
  headers.set("age", String(Math.floor((Date.now() - entry.since) / 1000)));
  return new Response(entry.body, { status: entry.status, headers });
}

function put(url, message) {
  const { status, headers, body } = parseHttp(message);
  const control = headers.find(([name]) => name.toLowerCase() === "cache-control")?.[1] ?? "";
  const seconds = Number(/(?:s-maxage|max-age)=(\d+)/.exec(control)?.[1] ?? 0);
  remove(url);
  if (seconds > 0 && !/no-store|private/.test(control) && body.length <= MAX_BYTES) {
    const since = Date.now();
    kept.set(url, { status, headers, body, since, until: since + seconds * 1000 });
    bytes += body.length;
    while (bytes > MAX_BYTES || kept.size > MAX_ENTRIES) remove(kept.keys().next().value);
  }
  return new Response(null, { status: 204 });
}

function remove(url) {
  const entry = kept.get(url);
  if (entry) bytes -= entry.body.length;
  return kept.delete(url);
}

/** A response as workerd writes it into a PUT: status line, headers, a blank line, then the body, never chunked. */
function parseHttp(message) {
  const head = new TextDecoder("latin1").decode(message.subarray(0, 64 * 1024));
  const end = head.indexOf("\r\n\r\n");
  const [status, ...lines] = head.slice(0, end).split("\r\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const chunked = headers.some(([name, value]) => name.toLowerCase() === "transfer-encoding" && value === "chunked");
  const body = message.subarray(end + 4);
  const own = headers.filter(([name]) => !/^(transfer-encoding|content-length|connection)$/i.test(name));
  return { status: Number(status.split(" ")[1]), headers: own, body: chunked ? unchunk(body) : body.slice() };
}

function unchunk(data) {
  const parts = [];
  for (let at = 0; ; ) {
    let end = at;
    while (data[end] !== 13) ++end;
    const size = parseInt(new TextDecoder().decode(data.subarray(at, end)), 16);
    if (!size) return new Uint8Array(parts.flatMap((part) => [...part]));
    parts.push(data.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
