/** The kernel (edge/kernel/kernel.ts) on Python's memory, as the module `_doorstep` that Python imports. */

/**
 * @param {WebAssembly.Module} module the compiled kernel
 * @param {WebAssembly.Memory} memory Pyodide's linear memory
 */
export function openKernel(module, memory) {
  const { top, select, find, show } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  return { address, top, select, find, show };
}

/** Where a writable Python buffer starts in linear memory. The caller keeps it alive and never resizes it. */
function address(buffer) {
  const view = buffer.getBuffer("u8");
  try {
    return view.data.byteOffset;
  } finally {
    view.release();
  }
}
