/** Boots Python under Node, imports everything the worker will need, and takes a snapshot of its memory. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { keyOf } from "../src/keys.mjs";
import { encode } from "../src/sparse.mjs";
import { moduleNames } from "./sources.mjs";

const MAX_HELPER_BYTES = 4096;
/** Imported although no source of ours names them: error paths and codecs load them on first use, too late by then. */
const ALSO = [
  ...["_suggestions", "linecache", "traceback", "textwrap", "difflib", "string"],
  ...["encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.unicode_escape", "stringprep", "unicodedata"],
  ...["decimal", "numbers", "zlib"],
];

/** PYTHONHASHSEED: a snapshot freezes the hash secret anyway; zero says so (docs/narrow-call.md). */
const ENV = { PYTHONHASHSEED: "0", PYTHONOPTIMIZE: "2", PYTHONDONTWRITEBYTECODE: "1", HOME: "/" };

/**
 * The worker has an empty archive in place of the standard library. zipimport must not remember that there was another:
 * a traceback asks it for source lines and would read beyond the end. Freed memory is zeroed by using it once more.
 */
const PREPARE = `
import gc, importlib, sys, zipimport
sys.path.insert(0, "/app")
for name in names:
    importlib.import_module(name)
sys.path.remove("/app")
sys.path_importer_cache.clear()
importlib.invalidate_caches()
zipimport._zip_directory_cache.clear()
del names, name
gc.collect()
scrub = [bytearray(4096) for _ in range(120)] + [bytearray(600) for _ in range(600)]
del scrub
gc.collect()
gc.freeze()
`;

/**
 * @param {import("./sources.mjs").Source[]} sources
 * @returns {Promise<{snapshot: Uint8Array, helpers: Uint8Array[]}>} the sparse snapshot, and the small WebAssembly
 *   modules that Pyodide compiled on its way
 */
export async function takeSnapshot(sources) {
  const recorder = recordModules();
  try {
    const { loadPyodide } = await import("pyodide");
    const python = await loadPyodide({ _makeSnapshot: true, env: { ...ENV } });
    for (const { path, bytes } of sources) {
      const file = `/app/${path}`;
      python.FS.mkdirTree(file.slice(0, file.lastIndexOf("/")));
      python.FS.writeFile(file, bytes);
    }
    python.globals.set("names", python.toPy([...moduleNames(sources), ...ALSO]));
    python.runPython(PREPARE);
    const snapshot = python.makeMemorySnapshot({ serializer: refuse });
    await loadPyodide({ _loadSnapshot: snapshot.slice().buffer }); // a restore may need helpers that a first boot does not
    return { snapshot: encode(snapshot), helpers: recorder.modules() };
  } finally {
    recorder.stop();
  }
}

/** A JavaScript object held by Python would be dead after the restore. */
function refuse(object) {
  throw new Error(`the snapshot would hold a JavaScript object: ${String(object).slice(0, 200)}`);
}

/** Notes the bytes of every small module that is compiled from now on. */
function recordModules() {
  const { Module, compile, instantiate } = WebAssembly;
  const found = new Map();
  const note = (bytes) => {
    const size = bytes?.byteLength;
    if (size <= MAX_HELPER_BYTES) found.set(keyOf(bytes), new Uint8Array(bytes));
  };
  WebAssembly.Module = new Proxy(Module, {
    construct: (target, [bytes]) => (note(bytes), new target(bytes)),
  });
  WebAssembly.compile = (bytes) => (note(bytes), compile.call(WebAssembly, bytes));
  WebAssembly.instantiate = (source, imports) => {
    if (!(source instanceof Module)) note(source);
    return instantiate.call(WebAssembly, source, imports);
  };
  return {
    modules: () => [...found.values()],
    stop: () => Object.assign(WebAssembly, { Module, compile, instantiate }),
  };
}

/** What must enter a cache key besides the sources. */
export async function snapshotKey() {
  const files = ["./snapshot.mjs", "../src/sparse.mjs", "../node_modules/pyodide/package.json"];
  const texts = await Promise.all(files.map((f) => readFile(fileURLToPath(new URL(f, import.meta.url)), "utf8")));
  return [process.version, ...texts];
}
