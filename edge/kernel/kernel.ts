/**
 * The kernel of shared/kernels.py in SIMD WebAssembly (AssemblyScript). It equals PythonKernel there bit for bit.
 *
 * It lives in Pyodide's own linear memory and owns none of it: no static data, no globals, no stack of its own, which
 * would all lie on top of Python's. Everything it reads or writes is reached through the Desk that edge/simd.py sets
 * up, and every function is O(1) in memory. The build refuses a binary that breaks this (wrangler/build/kernel.mjs).
 */

/** The addresses and scalars of one model and its scratch memory; the field order is that of edge/simd.py. */
@unmanaged
class Desk {
  items: i32;
  dims: i32;
  similarity: i32;
  popularity: i32;
  votes1: i32; // Q8, for an item that one list names; those for 2, 3, 4 and 5 or more follow
  votes2: i32;
  votes3: i32;
  votes4: i32;
  votes5: i32;
  embeddings: usize; // i8, items x dims
  ends: usize; // u32, items + 1
  low: usize; // u16 per neighbour
  high: usize; // u8 per neighbour, or 0 for a model without that plane
  weights: usize; // u8 per neighbour
  bias: usize; // u8 per item
  query: usize; // i32: count, then Step x count
  tally: usize; // i64 per item, all zero between calls
  touched: usize; // u32 per item
  mask: usize; // u64 per 64 items
  sums: usize; // i32 x dims
  vector: usize; // i16 x dims
  heap: usize; // i64 x MAX_TOP
  result: usize; // Found x MAX_TOP
}

/** One history item of a packed query (shared.kernels.pack). */
@unmanaged
class Step {
  item: u32;
  weight: u32; // u16
  mul: i32;
  add: i32;
  recall: i32; // u8
}

/** One candidate as edge/simd.py reads it; `part` is scratch: the largest part seen for it. */
@unmanaged
class Found {
  item: i32;
  score: i32;
  cause: i32;
  part: i32;
}

// @ts-ignore: decorator
@inline const LISTED: i64 = 1 << 21;
// @ts-ignore: decorator
@inline const LIMIT: i64 = (1 << 30) - 1;
// @ts-ignore: decorator
@inline const MISSING: i32 = i32.MIN_VALUE;
// @ts-ignore: decorator
@inline const NO_CAUSE: i32 = -1;
// @ts-ignore: decorator
@inline const VOTE: i64 = 1 << 40; // a tally is the sum of parts plus VOTE for each list that names the item
// @ts-ignore: decorator
@inline const SETTLED: i64 = i64.MIN_VALUE; // sign of a tally that already is lists(j), as for history items
// @ts-ignore: decorator
@inline const WORD: i32 = 64; // items per word of a bitmap

/**
 * Find the `k` best items for the query on the desk, best first, and write them to `desk.result`.
 *
 * `allowed` is a bitmap, zero beyond the last item. Returns how many were found.
 */
export function top(desk: Desk, allowed: usize, k: i32): i32 {
  const touched = settle(desk, accumulate(desk));
  let size = offerListed(desk, touched, allowed, k);
  if (size < k) {
    maskListed(desk, touched, allowed);
    const flat = !project(desk);
    if (flat) size = scanBias(desk, size, k);
    else if (desk.dims == 64) size = scan64(desk, size, k);
    else size = scanAny(desk, size, k);
  }
  sort(desk.heap, size);
  report(desk, size);
  return size;
}

/**
 * Clear every bit of `bitmap` whose item does not satisfy one term.
 *
 * `column` is i32 per item, `ranges` holds `count` pairs of inclusive bounds. A section is padded to 64 bytes, so the
 * last group of four may read, and then ignore, values beyond the last item.
 */
export function select(desk: Desk, column: usize, ranges: usize, count: i32, within: bool, bitmap: usize): void {
  const missing = i32x4.splat(MISSING);
  const bounds = ranges + (<usize>count << 3);
  const flip: u64 = within ? 0 : ~0;
  for (let base = 0; base < desk.items; base += WORD) {
    const word = bitmap + (base >> 3);
    const bits = load<u64>(word);
    if (!bits) continue;
    let hits: u64 = 0;
    const groups = min(WORD, desk.items - base);
    for (let i = 0; i < groups; i += 4) {
      const values = v128.load(column + ((<usize>base + i) << 2));
      let hit = i32x4.splat(0);
      for (let r = ranges; r < bounds; r += 8) {
        const above = i32x4.ge_s(values, v128.load32_splat(r));
        hit = v128.or(hit, v128.and(above, i32x4.le_s(values, v128.load32_splat(r, 4))));
      }
      hits |= <u64>i32x4.bitmask(v128.andnot(hit, i32x4.eq(values, missing))) << i;
    }
    store<u64>(word, bits & (hits ^ flip));
  }
}

// --- neighbour lists ------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function step(desk: Desk, t: i32): Step {
  return changetype<Step>(desk.query + 4 + <usize>t * offsetof<Step>());
}

// @ts-ignore: decorator
@inline
function neighbour(desk: Desk, edge: usize): u32 {
  const low = <u32>load<u16>(desk.low + (edge << 1));
  return desk.high ? low | (<u32>load<u8>(desk.high + edge) << 16) : low;
}

// @ts-ignore: decorator
@inline
function part(desk: Desk, edge: usize, weight: u32): u32 {
  const q = <u32>load<u8>(desk.weights + edge);
  return (weight * q * q) >> 8; // at most 65535 * 255 * 255, which is below 2**32
}

// @ts-ignore: decorator
@inline
function tallyOf(desk: Desk, item: u32): usize {
  return desk.tally + (<usize>item << 3);
}

/** Add all lists of the query into the tallies; returns how many items were touched. */
function accumulate(desk: Desk): i32 {
  const count = load<i32>(desk.query);
  let next = desk.touched;
  for (let t = 0; t < count; ++t) {
    const x = step(desk, t);
    const last = load<u32>(desk.ends + (<usize>x.item << 2), 4);
    for (let e: usize = load<u32>(desk.ends + (<usize>x.item << 2)); e < last; ++e) {
      const item = neighbour(desk, e);
      const at = tallyOf(desk, item);
      const before = load<i64>(at);
      if (!before) {
        store<u32>(next, item);
        next += 4;
      }
      store<i64>(at, before + VOTE + <i64>part(desk, e, x.weight));
    }
  }
  return <i32>((next - desk.touched) >> 2);
}

/** lists(j) of an item that is not in the history, from its tally. */
// @ts-ignore: decorator
@inline
function counted(desk: Desk, tally: i64): i64 {
  const lists = min<i64>(tally >> 40, 5);
  const factor = <i64>load<i32>(changetype<usize>(desk) + (<usize>(lists - 1) << 2), offsetof<Desk>("votes1"));
  return min<i64>(((tally & (VOTE - 1)) * factor) >> 8, LIMIT);
}

/** Give the history items their final score; returns the number of touched items, now including them. */
function settle(desk: Desk, touched: i32): i32 {
  const count = load<i32>(desk.query);
  for (let t = 0; t < count; ++t) {
    const x = step(desk, t);
    const at = tallyOf(desk, x.item);
    const tally = load<i64>(at);
    if (!tally) {
      store<u32>(desk.touched + (<usize>touched << 2), x.item);
      ++touched;
    }
    const lists = tally ? counted(desk, tally) : 0;
    store<i64>(at, SETTLED | min<i64>(((lists * <i64>x.mul) >> 8) + <i64>x.add, LIMIT));
  }
  return touched;
}

/** Offer every allowed listed item to the heap, and clear the tallies; returns the heap's size. */
function offerListed(desk: Desk, touched: i32, allowed: usize, k: i32): i32 {
  const last = desk.touched + (<usize>touched << 2);
  let size = 0;
  for (let next = desk.touched; next < last; next += 4) {
    const item = load<u32>(next);
    const at = tallyOf(desk, item);
    const tally = load<i64>(at);
    store<i64>(at, 0);
    if (!((load<u8>(allowed + (item >> 3)) >> (item & 7)) & 1)) continue;
    const lists = tally < 0 ? tally ^ SETTLED : counted(desk, tally);
    size = offer(desk.heap, size, k, keyOf(LISTED + lists, item));
  }
  return size;
}

/** desk.mask = allowed items that no list names. */
function maskListed(desk: Desk, touched: i32, allowed: usize): void {
  memory.copy(desk.mask, allowed, ((<usize>desk.items + 63) >> 6) << 3);
  const last = desk.touched + (<usize>touched << 2);
  for (let next = desk.touched; next < last; next += 4) {
    const item = load<u32>(next);
    const at = desk.mask + (item >> 3);
    store<u8>(at, load<u8>(at) & ~(<u8>1 << <u8>(item & 7)));
  }
}

// --- the rest of the catalogue --------------------------------------------------------------------------------------

/**
 * The visitor's vector, as i16, into desk.vector: of every sixteen first the even dims, then the odd ones, which is how
 * dot16 takes a row apart. False if it is zero everywhere.
 */
function project(desk: Desk): bool {
  const dims = <usize>desk.dims;
  const count = load<i32>(desk.query);
  memory.fill(desk.sums, 0, dims << 2);
  for (let t = 0; t < count; ++t) {
    const x = step(desk, t);
    const row = desk.embeddings + <usize>x.item * dims;
    for (let c: usize = 0; c < dims; ++c) {
      const at = desk.sums + (c << 2);
      store<i32>(at, load<i32>(at) + x.recall * <i32>load<i8>(row + c));
    }
  }
  let largest = 0;
  for (let c: usize = 0; c < dims; ++c) largest = max(largest, abs(load<i32>(desk.sums + (c << 2))));
  if (!largest) return false;
  for (let c: usize = 0; c < dims; ++c) {
    const place = (c & ~15) | ((c & 1) << 3) | ((c & 15) >> 1);
    store<i16>(desk.vector + (place << 1), <i16>((load<i32>(desk.sums + (c << 2)) * 127) / largest));
  }
  return true;
}

/**
 * 256 times sixteen products of a row with two registers of the vector, summed into four lanes.
 *
 * A byte is widened by moving it into the upper half of an i16, one instruction for the even and one for the odd bytes
 * where a sign extension takes three. At 256 dims the sums stay below 2**31: 256 * 128 * 127 * 256 = 1.07e9.
 */
// @ts-ignore: decorator
@inline
function dot16(row: usize, even: v128, odd: v128): v128 {
  const bytes = v128.load(row);
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.shl(bytes, 8), even),
    i32x4.dot_i16x8_s(v128.and(bytes, i16x8.splat(-256)), odd),
  );
}

// @ts-ignore: decorator
@inline
function dot64(row: usize, q0: v128, q1: v128, q2: v128, q3: v128, q4: v128, q5: v128, q6: v128, q7: v128): v128 {
  return i32x4.add(
    i32x4.add(dot16(row, q0, q1), dot16(row + 16, q2, q3)),
    i32x4.add(dot16(row + 32, q4, q5), dot16(row + 48, q6, q7)),
  );
}

function dotAny(row: usize, vector: usize, dims: usize): v128 {
  let sum = i32x4.splat(0);
  for (let c: usize = 0; c < dims; c += 16) {
    const q = vector + (c << 1);
    sum = i32x4.add(sum, dot16(row + c, v128.load(q), v128.load(q, 16)));
  }
  return sum;
}

/** The four sums over the lanes of a, b, c and d. */
// @ts-ignore: decorator
@inline
function sumLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 2, 4, 6), v128.shuffle<i32>(c, d, 1, 3, 5, 7));
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), v128.shuffle<i32>(ab, cd, 1, 3, 5, 7));
}

/** bias * popularity of four items from the one at `bias` on. The section is padded: reading beyond it is harmless. */
// @ts-ignore: decorator
@inline
function biases(bias: usize, popularity: v128): v128 {
  const bytes = v128.load32_zero(bias);
  return i32x4.mul(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)), popularity);
}

/** ((dot * similarity) >> 8) + bias * popularity of four items, given 256 times their dot products. */
// @ts-ignore: decorator
@inline
function blended(dots: v128, similarity: v128, bias: usize, popularity: v128): v128 {
  const similar = i32x4.shr_s(i32x4.mul(i32x4.shr_s(dots, 8), similarity), 8);
  return i32x4.add(similar, biases(bias, popularity));
}

/** The score that an item with a higher index than all before must exceed to enter the heap. */
// @ts-ignore: decorator
@inline
function floorOf(heap: usize, size: i32, k: i32): v128 {
  return i32x4.splat(size < k ? i32.MIN_VALUE : <i32>(load<i64>(heap) >> 32));
}

/** Offer those of four scores whose bit in `lanes` is set; returns the heap's size. */
function offerFour(heap: usize, size: i32, k: i32, item: i32, scores: v128, lanes: i32): i32 {
  if (lanes & 1) size = offer(heap, size, k, keyOf(<i64>i32x4.extract_lane(scores, 0), item));
  if (lanes & 2) size = offer(heap, size, k, keyOf(<i64>i32x4.extract_lane(scores, 1), item + 1));
  if (lanes & 4) size = offer(heap, size, k, keyOf(<i64>i32x4.extract_lane(scores, 2), item + 2));
  if (lanes & 8) size = offer(heap, size, k, keyOf(<i64>i32x4.extract_lane(scores, 3), item + 3));
  return size;
}

// The three scans differ in where the dot products come from. Each walks the mask in groups of four items; the query
// stays in registers at 64 dims, which makes that one nearly as fast as memory delivers the rows.

function scan64(desk: Desk, size: i32, k: i32): i32 {
  const items = desk.items;
  const mask = desk.mask;
  const bias = desk.bias;
  const popularity = i32x4.splat(desk.popularity);
  const similarity = i32x4.splat(desk.similarity);
  const rows = desk.embeddings;
  const vector = desk.vector;
  const q0 = v128.load(vector);
  const q1 = v128.load(vector, 16);
  const q2 = v128.load(vector, 32);
  const q3 = v128.load(vector, 48);
  const q4 = v128.load(vector, 64);
  const q5 = v128.load(vector, 80);
  const q6 = v128.load(vector, 96);
  const q7 = v128.load(vector, 112);
  const lastRow = rows + (<usize>(items - 1) << 6);
  let floor = floorOf(desk.heap, size, k);
  for (let base = 0; base < items; base += WORD) {
    let bits = load<u64>(mask + (base >> 3));
    while (bits) {
      const shift = <i32>ctz(bits) & ~3;
      const four = <i32>(bits >> shift) & 15;
      bits &= ~(<u64>15 << shift);
      const item = base + shift;
      const row = rows + (<usize>item << 6);
      const dots = sumLanes(
        dot64(row, q0, q1, q2, q3, q4, q5, q6, q7),
        dot64(min(row + 64, lastRow), q0, q1, q2, q3, q4, q5, q6, q7),
        dot64(min(row + 128, lastRow), q0, q1, q2, q3, q4, q5, q6, q7),
        dot64(min(row + 192, lastRow), q0, q1, q2, q3, q4, q5, q6, q7),
      );
      const scores = blended(dots, similarity, bias + item, popularity);
      const lanes = i32x4.bitmask(i32x4.gt_s(scores, floor)) & four;
      if (lanes) {
        size = offerFour(desk.heap, size, k, item, scores, lanes);
        floor = floorOf(desk.heap, size, k);
      }
    }
  }
  return size;
}

function scanAny(desk: Desk, size: i32, k: i32): i32 {
  const items = desk.items;
  const mask = desk.mask;
  const bias = desk.bias;
  const popularity = i32x4.splat(desk.popularity);
  const similarity = i32x4.splat(desk.similarity);
  const rows = desk.embeddings;
  const dims = <usize>desk.dims;
  const vector = desk.vector;
  const lastRow = rows + <usize>(items - 1) * dims;
  let floor = floorOf(desk.heap, size, k);
  for (let base = 0; base < items; base += WORD) {
    let bits = load<u64>(mask + (base >> 3));
    while (bits) {
      const shift = <i32>ctz(bits) & ~3;
      const four = <i32>(bits >> shift) & 15;
      bits &= ~(<u64>15 << shift);
      const item = base + shift;
      const row = rows + <usize>item * dims;
      const dots = sumLanes(
        dotAny(row, vector, dims),
        dotAny(min(row + dims, lastRow), vector, dims),
        dotAny(min(row + dims * 2, lastRow), vector, dims),
        dotAny(min(row + dims * 3, lastRow), vector, dims),
      );
      const scores = blended(dots, similarity, bias + item, popularity);
      const lanes = i32x4.bitmask(i32x4.gt_s(scores, floor)) & four;
      if (lanes) {
        size = offerFour(desk.heap, size, k, item, scores, lanes);
        floor = floorOf(desk.heap, size, k);
      }
    }
  }
  return size;
}

/** For a visitor without a vector: popularity alone. */
function scanBias(desk: Desk, size: i32, k: i32): i32 {
  const items = desk.items;
  const mask = desk.mask;
  const bias = desk.bias;
  const popularity = i32x4.splat(desk.popularity);
  let floor = floorOf(desk.heap, size, k);
  for (let base = 0; base < items; base += WORD) {
    let bits = load<u64>(mask + (base >> 3));
    while (bits) {
      const shift = <i32>ctz(bits) & ~3;
      const four = <i32>(bits >> shift) & 15;
      bits &= ~(<u64>15 << shift);
      const scores = biases(bias + base + shift, popularity);
      const lanes = i32x4.bitmask(i32x4.gt_s(scores, floor)) & four;
      if (lanes) {
        size = offerFour(desk.heap, size, k, base + shift, scores, lanes);
        floor = floorOf(desk.heap, size, k);
      }
    }
  }
  return size;
}

// --- the k best -----------------------------------------------------------------------------------------------------

/** Orders by score, then by lower item. */
// @ts-ignore: decorator
@inline
function keyOf(score: i64, item: u32): i64 {
  return (score << 32) | <i64>(~item);
}

/** Put `key` into the min-heap of at most `k` keys if it is among the largest; returns the heap's size. */
// @ts-ignore: decorator
@inline
function offer(heap: usize, size: i32, k: i32, key: i64): i32 {
  if (size < k) {
    rise(heap, size, key);
    return size + 1;
  }
  if (key > load<i64>(heap)) sink(heap, size, key);
  return size;
}

/** Put `key` at the free place `at` of a min-heap, then up to where it belongs. */
function rise(heap: usize, at: i32, key: i64): void {
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = load<i64>(heap + (<usize>parent << 3));
    if (above <= key) break;
    store<i64>(heap + (<usize>at << 3), above);
    at = parent;
  }
  store<i64>(heap + (<usize>at << 3), key);
}

/** Replace the root of a min-heap by `key`, which goes down to where it belongs. */
function sink(heap: usize, size: i32, key: i64): void {
  let at = 0;
  for (let child = 1; child < size; child = at * 2 + 1) {
    let below = load<i64>(heap + (<usize>child << 3));
    if (child + 1 < size) {
      const right = load<i64>(heap + (<usize>child << 3), 8);
      if (right < below) {
        below = right;
        ++child;
      }
    }
    if (key <= below) break;
    store<i64>(heap + (<usize>at << 3), below);
    at = child;
  }
  store<i64>(heap + (<usize>at << 3), key);
}

/** Turn a min-heap into a list, largest first. */
function sort(heap: usize, size: i32): void {
  for (; size > 1; --size) {
    const last = heap + (<usize>(size - 1) << 3);
    const smallest = load<i64>(heap);
    const key = load<i64>(last);
    sink(heap, size - 1, key);
    store<i64>(last, smallest);
  }
}

// --- the answer -----------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function found(desk: Desk, place: i32): Found {
  return changetype<Found>(desk.result + <usize>place * offsetof<Found>());
}

/** Write the sorted keys out with their causes, by reading the lists once more for these items alone. */
function report(desk: Desk, size: i32): void {
  for (let place = 0; place < size; ++place) {
    const key = load<i64>(desk.heap + (<usize>place << 3));
    const f = found(desk, place);
    f.item = ~(<i32>key);
    f.score = <i32>(key >> 32);
    f.cause = NO_CAUSE;
    f.part = -1;
    store<i64>(tallyOf(desk, f.item), place + 1);
  }
  const count = load<i32>(desk.query);
  for (let t = 0; t < count; ++t) explain(desk, t);
  for (let t = 0; t < count; ++t) {
    const place = <i32>load<i64>(tallyOf(desk, step(desk, t).item));
    if (place) found(desk, place - 1).cause = t;
  }
  for (let place = 0; place < size; ++place) store<i64>(tallyOf(desk, found(desk, place).item), 0);
}

/** Credit history item `t` with the places where its part is the largest so far. */
function explain(desk: Desk, t: i32): void {
  const x = step(desk, t);
  const last = load<u32>(desk.ends + (<usize>x.item << 2), 4);
  for (let e: usize = load<u32>(desk.ends + (<usize>x.item << 2)); e < last; ++e) {
    const place = <i32>load<i64>(tallyOf(desk, neighbour(desk, e)));
    if (!place) continue;
    const f = found(desk, place - 1);
    const share = <i32>part(desk, e, x.weight);
    if (share > f.part) {
      f.part = share;
      f.cause = t;
    }
  }
}
