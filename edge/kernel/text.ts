/**
 * The kernel's texts: ids to item indices, and chosen items to JSON. It equals shared.model.Model.find and
 * shared.showing.show, which are its specification; Python spends more time on either than on all of scoring.
 */

/** The addresses of one model's texts and of the room to read and write; the field order is that of edge/simd.py. */
@unmanaged
export class Shelf {
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
  for (;;) {
    const entry = load<u32>(shelf.table + (<usize>slot << 2));
    if (!entry) return -1;
    const span = shelf.ends + (<usize>(entry - 1) << 2);
    const start = <usize>load<u32>(span);
    if (<usize>load<u32>(span, 4) - start == length && memory.compare(shelf.ids + start, name, length) == 0) {
      return <i32>entry - 1;
    }
    slot = (slot + 1) & mask;
  }
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
    if (n) to = write(to, ","); // prettier-ignore
    to = write(to, "{");
    memory.copy(to, card, size);
    to = writeScore(write(to + size, ',"score":'), pick.score, shelf.scale);
    to = write(to, ',"because":');
    to = write(cause < 0 ? write(to, "null") : writeId(to, shelf, cause), "}");
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
