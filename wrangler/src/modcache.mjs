/**
 * Lets Pyodide "compile" its few small helper modules where a worker may not compile: inside a request.
 *
 * The build records what Pyodide compiles while it boots (build/snapshot.mjs) and ships it as modules of the bundle.
 * Without this a boot inside a request ends in "table index is out of bounds": the snapshot names a trampoline that
 * was never compiled. What the build did not record is compiled, and kept, while that is still allowed.
 */

import { helpers } from "./helpers.mjs";
import { keyOf } from "./keys.mjs";

const Module = WebAssembly.Module;
const known = new Map(helpers);

/** Stands in for `WebAssembly.Module`. */
export function CachedModule(bytes) {
  const key = keyOf(bytes);
  if (!known.has(key)) known.set(key, new Module(bytes));
  return known.get(key);
}

CachedModule.prototype = Module.prototype;
CachedModule.imports = Module.imports;
CachedModule.exports = Module.exports;
CachedModule.customSections = Module.customSections;
