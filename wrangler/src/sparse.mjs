/**
 * A memory snapshot without its blocks of zeros: 31 MB become 14 MB, and restoring it is a copy without decompression.
 *
 * File: magic, header bytes H, heap bytes, runs R (u32 each); Pyodide's own snapshot header (H bytes); R pairs of
 * (offset in the heap, bytes), u32 each; then the bytes of all runs. Little-endian.
 *
 * Pyodide restores with `HEAP8.set(snapshot.subarray(headerBytes))`. A Sparse answers that one call by writing its runs
 * into the fresh, zeroed memory itself. That relies on internals: package.json pins pyodide exactly.
 */

const MAGIC = 0x31505344; // "DSP1"
const PREFIX = 16;
const BLOCK = 256; // smaller blocks save 2 % more bytes for four times the runs

/** @param {Uint8Array} snapshot what `makeMemorySnapshot` returned */
export function encode(snapshot) {
  const words = new DataView(snapshot.buffer, snapshot.byteOffset);
  const headerBytes = words.getUint32(4, true);
  const heap = snapshot.subarray(headerBytes);
  const runs = [...findRuns(heap)];
  const size = runs.reduce((sum, [, bytes]) => sum + bytes, PREFIX + headerBytes + runs.length * 8);
  const file = new Uint8Array(size);
  new Uint32Array(file.buffer, 0, 4).set([MAGIC, headerBytes, heap.length, runs.length]);
  file.set(snapshot.subarray(0, headerBytes), PREFIX);
  const table = new DataView(file.buffer, PREFIX + headerBytes);
  let at = PREFIX + headerBytes + runs.length * 8;
  runs.forEach(([offset, bytes], n) => {
    table.setUint32(n * 8, offset, true);
    table.setUint32(n * 8 + 4, bytes, true);
    file.set(heap.subarray(offset, offset + bytes), at);
    at += bytes;
  });
  return file;
}

/** Yields [offset, bytes] of each stretch of blocks that are not all zero. */
function* findRuns(heap) {
  let start = -1;
  for (let block = 0; block < heap.length; block += BLOCK) {
    const end = Math.min(block + BLOCK, heap.length);
    const empty = heap.subarray(block, end).every((byte) => byte === 0);
    if (!empty && start < 0) start = block;
    if (empty && start >= 0) {
      yield [start, block - start];
      start = -1;
    }
  }
  if (start >= 0) yield [start, heap.length - start];
}

/** What `loadPyodide` takes as `_loadSnapshot`. Set `memory` before Pyodide restores from it. */
export class Sparse extends Uint8Array {
  static get [Symbol.species]() {
    return Uint8Array;
  }

  /** @param {ArrayBuffer} file what {@link encode} made */
  static open(file) {
    const [magic, headerBytes, heapBytes, runs] = new Uint32Array(file, 0, 4);
    if (magic !== MAGIC) throw new Error("not a sparse snapshot");
    const sparse = new Sparse(file.slice(PREFIX, PREFIX + headerBytes));
    return Object.assign(sparse, { file, headerBytes, heapBytes, runs, memory: undefined });
  }

  get length() {
    return this.headerBytes === undefined ? super.length : this.headerBytes + this.heapBytes;
  }

  subarray(start, end) {
    if (end !== undefined || start !== this.headerBytes) return super.subarray(start, end);
    this.#restore();
    return [];
  }

  #restore() {
    const heap = new Uint8Array(this.memory.buffer);
    const tableAt = PREFIX + this.headerBytes;
    const table = new DataView(this.file, tableAt);
    let at = tableAt + this.runs * 8;
    for (let n = 0; n < this.runs; ++n) {
      const bytes = table.getUint32(n * 8 + 4, true);
      heap.set(new Uint8Array(this.file, at, bytes), table.getUint32(n * 8, true));
      at += bytes;
    }
  }
}
