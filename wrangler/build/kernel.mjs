/** Compiles edge/kernel/, and refuses a binary that would overwrite Python's memory. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import binaryen from "binaryen";

const OPTIONS = [
  ..."--runtime stub --noAssert -O3 --enable simd,bulk-memory --importMemory --noExportMemory".split(" "),
  ...["--outFile", "kernel.wasm"],
];
export const SOURCES = ["kernel.ts", "text.ts"];
const EXPORTS = ["find", "select", "show", "top"];

/**
 * @param {string} folder edge/kernel
 * @returns {Promise<Uint8Array>} the binary
 */
export async function buildKernel(folder) {
  const texts = await Promise.all(SOURCES.map((name) => readFile(join(folder, name), "utf8")));
  let binary;
  const { error, stderr } = await asc.main([...SOURCES, ...OPTIONS], {
    readFile: (name) => texts[SOURCES.indexOf(name)] ?? null,
    writeFile: (_, data) => void (binary = data),
    listFiles: () => [],
  });
  if (error) throw new Error(`${folder} does not compile:\n${stderr}`);
  checkKernel(binary);
  return binary;
}

/**
 * The kernel imports Pyodide's memory. Data, globals (a stack pointer above all) or a start function of its own would
 * act on the lowest addresses, which are Python's.
 */
export function checkKernel(binary) {
  const module = binaryen.readBinary(binary);
  try {
    const text = module.emitText();
    for (const forbidden of ["(global", "global.get", "global.set", "(data", "(start", "memory.grow"]) {
      if (text.includes(forbidden)) throw new Error(`the kernel must not contain ${forbidden}`);
    }
    const imports = [...text.matchAll(/\(import "([^"]*)" "([^"]*)" \((\w+)/g)].map((m) => m.slice(1).join(" "));
    if (imports.join() !== "env memory memory") throw new Error(`the kernel imports ${imports.join(", ")}`);
    const exports = [...text.matchAll(/\(export "([^"]*)"/g)].map((m) => m[1]).sort();
    if (exports.join() !== EXPORTS.join()) throw new Error(`the kernel exports ${exports.join(", ")}`);
  } finally {
    module.dispose();
  }
}
