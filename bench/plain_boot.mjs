/** Boots Python the long way, without a snapshot, in place of wrangler/src/boot.mjs: what the snapshot is measured against. */

import { withShims, INDEX } from "./shim.mjs";
import { openKernel } from "./kernel.mjs";
import kernelModule from "./kernel.wasm";
import createPyodideModule from "./pyodide.asm.mjs";
import wasm from "./pyodide.asm.wasm";
import { lock } from "./lock.mjs";
import sources from "./sources.bin";
import stdlib from "./stdlib.bin";

/** @returns {Promise<{python: object, memory: WebAssembly.Memory, kernel: object}>} */
export async function boot() {
  let memory;
  const python = await withShims({ wasm, onMemory: (made) => (memory = made) }, async () => {
    globalThis.fetch = async () => ({ ok: true, arrayBuffer: async () => stdlib });
    const { loadPyodide } = await import("./pyodide.mjs");
    const started = await loadPyodide({ indexURL: INDEX, createPyodideModule, lockFileContents: lock, env: { HOME: "/" } });
    started.unpackArchive(sources, "zip", { extractDir: "/app" });
    started.runPython("import sys; sys.path.insert(0, '/app'); import edge.worker, edge.simd");
    return started;
  });
  const kernel = openKernel(kernelModule, memory);
  python.registerJsModule("_doorstep", kernel);
  return { python, memory, kernel };
}
