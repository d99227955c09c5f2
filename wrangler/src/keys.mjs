/** Names a small WebAssembly module by its content. */

/** @param {BufferSource} bytes */
export function keyOf(bytes) {
  if (!ArrayBuffer.isView(bytes)) return new Uint8Array(bytes).join();
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).join();
}
