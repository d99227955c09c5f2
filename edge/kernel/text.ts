/**
 * The kernel's texts: ids to item indices, and chosen items to JSON. It equals shared.model.Model.find and
 * shared.showing.show, which are its specification; Python spends more time on either than on all of scoring.
 */

/** The addresses of one model's texts and of the room to read and write; the field order is that of edge/simd.py. */
@unmanaged
class Shelf {
  ids: usize; // UTF-8
  ends: usize; // u32, items + 1
  table: usize; // u32 per slot: item index + 1, or 0
  slots: u32; // a power of two
  cards: usize; // UTF-8: "id":"…" first
  spans: usize; // u32, items + 1
  scale: i32;
  query: usize; // as packed for `top`
  names: usize; // UTF-8: the ids to find, a line each
  found: usize; // i32 per name
  picks: usize; // Pick per item to show
  page: usize; // where JSON is written
  pageBytes: usize;
}

@unmanaged
class Pick {
  item: u32;
  score: i32;
  cause: i32;
}

// @ts-ignore: decorator
@inline const LINE: u32 = 10;
// @ts-ignore: decorator
@inline const QUOTE: u32 = 34;
// @ts-ignore: decorator
@inline const BACKSLASH: u32 = 92;
// @ts-ignore: decorator
@inline const COMMA: u32 = 44;
// @ts-ignore: decorator
@inline const MINUS: u32 = 45;
// @ts-ignore: decorator
@inline const POINT: u32 = 46;
// @ts-ignore: decorator
@inline const ZERO: u32 = 48;
// @ts-ignore: decorator
@inline const COLON: u32 = 58;
// @ts-ignore: decorator
@inline const OPEN: u32 = 123;
// @ts-ignore: decorator
@inline const CLOSE: u32 = 125;
// @ts-ignore: decorator
@inline const STEP: usize = 20; // bytes of one history item in a packed query, its index first
// @ts-ignore: decorator
@inline const KEY: usize = 5; // bytes of `"id":`
// @ts-ignore: decorator
@inline const AROUND: usize = 64; // more than all that surrounds a card and the id of its cause

/** Look up every line of the first `length` bytes of `names`; returns how many there are. */
export function find(shelf: Shelf, length: usize): i32 {
  let next = shelf.found;
  let start = shelf.names;
  const last = start + length;
  for (let at = start; at <= last; ++at) {
    if (at < last && load<u8>(at) != LINE) continue;
    store<i32>(next, lookUp(shelf, start, at - start));
    next += 4;
    start = at + 1;
  }
  return <i32>((next - shelf.found) >> 2);
}

function lookUp(shelf: Shelf, name: usize, length: usize): i32 {
  const mask = shelf.slots - 1;
  let slot = crc32(name, length) & mask;
  let entry: u32;
  while ((entry = load<u32>(shelf.table + (<usize>slot << 2)))) {
    const span = shelf.ends + (<usize>(entry - 1) << 2);
    const start = <usize>load<u32>(span);
    if (<usize>load<u32>(span, 4) - start == length && memory.compare(shelf.ids + start, name, length) == 0) {
      return <i32>entry - 1;
    }
    slot = (slot + 1) & mask;
  }
  return -1;
}

/** CRC-32 as in zlib, bit by bit: a table would be static data, and ids are short. */
function crc32(start: usize, length: usize): u32 {
  let crc: u32 = ~0;
  for (let at = start; at < start + length; ++at) {
    crc ^= load<u8>(at);
    for (let bit = 0; bit < 8; ++bit) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc;
}

/** Write `count` picks to the page as JSON objects joined by commas; returns their bytes, or -1 if they do not fit. */
export function show(shelf: Shelf, count: i32): i32 {
  let to = shelf.page;
  const last = to + shelf.pageBytes;
  for (let n = 0; n < count; ++n) {
    const pick = changetype<Pick>(shelf.picks + <usize>n * offsetof<Pick>());
    const card = span(shelf, pick.item);
    const size = sizeOf(shelf, pick.item);
    const cause = pick.cause < 0 ? -1 : load<i32>(shelf.query + 4 + <usize>pick.cause * STEP);
    if (to + size + (cause < 0 ? 0 : sizeOf(shelf, cause)) + AROUND > last) return -1;
    if (n) to = put(to, COMMA);
    to = put(to, OPEN);
    memory.copy(to, card, size);
    to = putScore(to + size, pick.score, shelf.scale);
    to = put(cause < 0 ? putNoCause(to) : putCause(to, span(shelf, cause)), CLOSE);
  }
  return <i32>(to - shelf.page);
}

// @ts-ignore: decorator
@inline
function span(shelf: Shelf, item: u32): usize {
  return shelf.cards + <usize>load<u32>(shelf.spans + (<usize>item << 2));
}

// @ts-ignore: decorator
@inline
function sizeOf(shelf: Shelf, item: u32): usize {
  const at = shelf.spans + (<usize>item << 2);
  return <usize>(load<u32>(at, 4) - load<u32>(at));
}

// @ts-ignore: decorator
@inline
function put(to: usize, byte: u32): usize {
  store<u8>(to, byte);
  return to + 1;
}

/** `,"score":` and score / scale with four decimals, rounded half up. */
function putScore(to: usize, score: i32, scale: i32): usize {
  store<u64>(to, 0x2265726f6373222c); // ,"score" - texts are numbers here, for a string would be static data
  to = put(to + 8, COLON);
  const scaled = <i64>score * 10000 + (scale >> 1);
  const units = scaled >= 0 ? scaled / scale : -((scale - 1 - scaled) / scale); // rounds towards minus infinity
  if (units < 0) to = put(to, MINUS);
  const size = abs(units);
  to = putDigits(to, <u32>(size / 10000));
  to = put(to, POINT);
  let rest = <u32>(size % 10000);
  for (let power: u32 = 1000; power; power /= 10) {
    to = put(to, ZERO + rest / power);
    rest %= power;
  }
  return to;
}

function putDigits(to: usize, value: u32): usize {
  let power: u32 = 1;
  while (value / power > 9) power *= 10;
  for (; power; power /= 10) to = put(to, ZERO + (value / power) % 10);
  return to;
}

/** `,"because":` and the id at the beginning of `card`, a JSON string. */
function putCause(to: usize, card: usize): usize {
  to = putBecause(to);
  const start = card + KEY;
  let end = start + 1;
  while (load<u8>(end) != QUOTE) end += load<u8>(end) == BACKSLASH ? 2 : 1;
  const size = end + 1 - start;
  memory.copy(to, start, size);
  return to + size;
}

function putNoCause(to: usize): usize {
  to = putBecause(to);
  store<u32>(to, 0x6c6c756e); // null
  return to + 4;
}

function putBecause(to: usize): usize {
  store<u64>(to, 0x737561636562222c); // ,"becaus
  store<u16>(to + 8, 0x2265); // e"
  return put(to + 10, COLON);
}
