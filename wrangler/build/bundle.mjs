/**
 * Builds the worker's bundle: node wrangler/build/bundle.mjs --out DIR --cache DIR --package DIR… [--model FILE]
 * [--rules FILE] [--popular FILE] [--assets /PREFIX/=DIR …] [--entry FILE] [--v8-flag FLAG …]
 *
 * DIR/worker gets the modules, which wrangler.jsonc deploys; DIR/workerd.bin is the same under plain workerd. Prints one
 * JSON line: {"modules": {name: bytes}}. `--entry` replaces src/index.mjs as the main module, for tests.
 */

import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { bundleAssets } from "./assets.mjs";
import { workerdConfig } from "./config.mjs";
import { SOURCES, buildKernel } from "./kernel.mjs";
import { takeSnapshot, snapshotKey } from "./snapshot.mjs";
import { fingerprint, readSources } from "./sources.mjs";

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
const KERNEL = join(dirname(HERE), "edge", "kernel");
const PYODIDE = join(HERE, "node_modules", "pyodide");

const { values: options } = parseArgs({
  options: {
    out: { type: "string" },
    cache: { type: "string" },
    package: { type: "string", multiple: true },
    model: { type: "string" },
    rules: { type: "string" },
    popular: { type: "string" },
    assets: { type: "string", multiple: true, default: [] },
    entry: { type: "string" },
    "v8-flag": { type: "string", multiple: true, default: [] },
  },
});

async function main() {
  const modules = new Map([...(await hostModules()), ...(await pythonModules()), ...(await dataModules())]);
  const entry = basename(options.entry ?? "index.mjs");
  const names = [entry, ...[...modules.keys()].filter((name) => name !== entry).sort()];
  await rm(options.out, { recursive: true, force: true });
  await mkdir(join(options.out, "worker"), { recursive: true });
  for (const [name, content] of modules) await writeFile(join(options.out, "worker", name), content);
  await copyFile(join(HERE, "build", "dev_cache.mjs"), join(options.out, "dev_cache.mjs"));
  await writeFile(join(options.out, "workerd.capnp"), workerdConfig(names, { v8Flags: options["v8-flag"] }));
  await compile(join(options.out, "workerd.capnp"), join(options.out, "workerd.bin"));
  const sizes = Object.fromEntries([...modules].map(([name, content]) => [name, Buffer.byteLength(content)]));
  console.log(JSON.stringify({ modules: sizes }));
}

/** The host's own sources, Pyodide, and the kernel. */
async function hostModules() {
  const modules = new Map();
  for (const name of await readdir(join(HERE, "src"))) modules.set(name, await readFile(join(HERE, "src", name)));
  if (options.entry) modules.set(basename(options.entry), await readFile(options.entry));
  for (const name of ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"]) {
    modules.set(name, await readFile(join(PYODIDE, name)));
  }
  const { info } = JSON.parse(await readFile(join(PYODIDE, "pyodide-lock.json"), "utf8"));
  modules.set("lock.mjs", `export const lock = ${JSON.stringify({ info, packages: {} })};\n`);
  const read = async (path) => ({ path, bytes: await readFile(join(KERNEL, path)) });
  const sources = await Promise.all(SOURCES.map(read));
  const builder = { path: "kernel.mjs", bytes: await readFile(join(HERE, "build", "kernel.mjs")) };
  const kernel = await cached(`kernel-${fingerprint([...sources, builder])}`, async (folder) => {
    await writeFile(join(folder, "kernel.wasm"), await buildKernel(KERNEL));
  });
  return modules.set("kernel.wasm", await readFile(join(kernel, "kernel.wasm")));
}

/** The snapshot, and the helper modules that restoring it needs. */
async function pythonModules() {
  const sources = await readSources(options.package ?? []);
  const folder = await cached(`snapshot-${fingerprint(sources, await snapshotKey())}`, async (place) => {
    const { snapshot, helpers } = await takeSnapshot(sources);
    await writeFile(join(place, "snapshot.bin"), snapshot);
    for (const [n, bytes] of helpers.entries()) await writeFile(join(place, `helper-${n}.wasm`), bytes);
    await writeFile(join(place, "helpers.mjs"), helperIndex(helpers));
  });
  const modules = new Map();
  for (const name of await readdir(folder)) modules.set(name, await readFile(join(folder, name)));
  return modules;
}

function helperIndex(helpers) {
  const imports = helpers.map((_, n) => `import h${n} from "./helper-${n}.wasm";`);
  const entries = helpers.map((bytes, n) => `  ["${bytes.join()}", h${n}],`);
  return [...imports, "", "export const helpers = [", ...entries, "];", ""].join("\n");
}

/** The model, the rules, the popular list and the assets. */
async function dataModules() {
  const given = async (path, otherwise) => (path ? await readFile(path) : otherwise);
  const roots = options.assets.map((text) => {
    const [prefix, ...folder] = text.split("=");
    return { prefix, folder: folder.join("=") };
  });
  return (await bundleAssets(roots))
    .set("model.bin", await given(options.model, Buffer.alloc(0)))
    .set("rules.json.txt", await given(options.rules, ""))
    .set("popular.json.txt", await given(options.popular, '{"items":[],"slot":"home","model":"none","variant":null}'));
}

/** A folder under --cache that `make` filled once; half-made folders are never seen. */
async function cached(name, make) {
  const folder = join(options.cache, name);
  const done = await readdir(folder).catch(() => null);
  if (done) return folder;
  const draft = `${folder}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  console.error(`making ${name}`);
  await make(draft);
  await rename(draft, folder).catch(() => rm(draft, { recursive: true })); // another build was first
  return folder;
}

async function compile(source, target) {
  const workerd = join(HERE, "node_modules", "workerd", "bin", "workerd");
  const run = promisify(execFile);
  const { stdout } = await run(workerd, ["compile", "--config-only", basename(source)], {
    cwd: dirname(source),
    encoding: "buffer",
    maxBuffer: 1 << 30,
  });
  await writeFile(target, stdout);
}

await main();
