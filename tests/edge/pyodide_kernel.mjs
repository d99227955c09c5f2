/**
 * Runs kernel cases under Pyodide in Node: node pyodide_kernel.mjs ROOT MSGPACK WORK, with WORK/model-N.bin and WORK/asked-N.json
 * for N = 0, 1, …; writes WORK/answered-N.json.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const [root, packages, work] = process.argv.slice(2);
const wrangler = join(root, "wrangler");
const load = (path) => import(pathToFileURL(join(wrangler, path)));
const { loadPyodide } = await load("node_modules/pyodide/pyodide.mjs");
const { buildKernel } = await load("build/kernel.mjs");
const { openKernel } = await load("src/kernel.mjs");
const { ModelMemory } = await load("src/models.mjs");

let memory;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...given) => {
  const made = await instantiate(...given);
  memory ??= (made.instance ?? made).exports.memory;
  return made;
};
const python = await loadPyodide();
const kernel = openKernel(new WebAssembly.Module(await buildKernel(join(root, "edge", "kernel"))), memory);
python.registerJsModule("_doorstep", kernel);
for (const [place, folder] of [["/app", root], ["/packages", dirname(packages)]]) {
  python.FS.mkdirTree(place);
  python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, place);
}
python.runPython('import sys; sys.dont_write_bytecode = True; sys.path[:0] = ["/app"]; sys.path.append("/packages")');
const selftest = python.pyimport("edge.selftest").SelfTest(python.pyimport("_doorstep"));
const models = new ModelMemory(selftest, memory, kernel);
for (let n = 0; existsSync(join(work, `model-${n}.bin`)); ++n) {
  const model = models.adopt(new Uint8Array(readFileSync(join(work, `model-${n}.bin`))), true);
  const cases = JSON.parse(readFileSync(join(work, `asked-${n}.json`), "utf8"));
  writeFileSync(join(work, `answered-${n}.json`), selftest.answer(JSON.stringify({ model, cases })));
}
