/** Restores Python from the snapshot, and gives it the kernel. */

import { withShims, INDEX } from "./shim.mjs";
import { openKernel } from "./kernel.mjs";
import { Sparse } from "./sparse.mjs";
import kernelModule from "./kernel.wasm";
import createPyodideModule from "./pyodide.asm.mjs";
import wasm from "./pyodide.asm.wasm";
import { lock } from "./lock.mjs";
import snapshot from "./snapshot.bin";

const PAGE = 65536;

/** @returns {Promise<{python: object, memory: WebAssembly.Memory, kernel: object}>} */
export async function boot() {
  const sparse = Sparse.open(snapshot);
  const onMemory = (memory) => {
    const missing = sparse.heapBytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    sparse.memory = memory;
  };
  const python = await withShims({ wasm, onMemory }, async () => {
    const { loadPyodide } = await import("./pyodide.mjs");
    return loadPyodide({
      indexURL: INDEX,
      createPyodideModule,
      lockFileContents: lock,
      _loadSnapshot: sparse,
      stdout: (line) => console.log(line),
      stderr: (line) => console.warn(line),
    });
  });
  const kernel = openKernel(kernelModule, sparse.memory);
  python.registerJsModule("_doorstep", kernel);
  return { python, memory: sparse.memory, kernel };
}
