/**
 * Stand-ins for what Pyodide touches while it boots and a worker forbids at module top level.
 *
 * A boot is one chain of microtasks without I/O, so no request runs while the stand-ins are in place.
 */

import { CachedModule } from "./modcache.mjs";

/** The made-up place Pyodide believes its files to be at. */
export const INDEX = "https://pyodide.invalid/";

/**
 * Run `boot` with the stand-ins in place, and take them away again.
 *
 * @template T
 * @param {{wasm: WebAssembly.Module, onMemory: (memory: WebAssembly.Memory) => void}} parts
 * @param {() => Promise<T>} boot
 * @returns {Promise<T>}
 */
export async function withShims(parts, boot) {
  const undo = [];
  const put = (target, name, value) => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    undo.push(() => (before ? Object.defineProperty(target, name, before) : delete target[name]));
  };
  put(WebAssembly, "Module", CachedModule);
  put(WebAssembly, "compile", async (bytes) => CachedModule(bytes));
  put(WebAssembly, "instantiate", async (source, imports) => {
    if (source instanceof WebAssembly.Module) return new WebAssembly.Instance(source, imports);
    const module = CachedModule(source);
    return { module, instance: new WebAssembly.Instance(module, imports) };
  });
  const failure = Promise.withResolvers(); // Pyodide only logs that its module did not start, and then waits for ever
  put(WebAssembly, "instantiateStreaming", async (_, imports) => {
    try {
      const instance = new WebAssembly.Instance(parts.wasm, imports);
      parts.onMemory(instance.exports.memory);
      return { module: parts.wasm, instance };
    } catch (error) {
      failure.reject(error);
      throw error;
    }
  });
  put(globalThis, "process", undefined); // else Emscripten takes a worker with nodejs_compat for Node
  put(globalThis, "location", { href: INDEX, toString: () => INDEX });
  put(globalThis, "fetch", async () => ({ ok: true, arrayBuffer: async () => emptyZip().buffer }));
  put(globalThis, "addEventListener", () => {});
  put(globalThis, "setTimeout", (task) => void queueMicrotask(task));
  put(crypto, "getRandomValues", (bytes) => bytes.fill(7)); // index.mjs reseeds on the first request
  try {
    return await Promise.race([boot(), failure.promise]);
  } finally {
    for (const restore of undo.reverse()) restore();
  }
}

/** A zip archive without files: all of the standard library that is needed is in the snapshot. */
function emptyZip() {
  const end = new Uint8Array(22);
  end.set([0x50, 0x4b, 0x05, 0x06]);
  return end;
}
