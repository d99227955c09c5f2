/** Compiles edge/kernel/kernel.ts, and refuses a binary that would overwrite Python's memory. */

import { readFile } from "node:fs/promises";
import asc from "assemblyscript/asc";
import binaryen from "binaryen";

const OPTIONS = [
  ..."--runtime stub --noAssert -O3 --enable simd,bulk-memory --importMemory --noExportMemory".split(" "),
  ...["--outFile", "kernel.wasm"],
];
const EXPORTS = ["select", "top"];

/**
 * @param {string} source path of kernel.ts
 * @returns {Promise<Uint8Array>} the binary
 */
export async function buildKernel(source) {
  const text = await readFile(source, "utf8");
  let binary;
  const { error, stderr } = await asc.main(["kernel.ts", ...OPTIONS], {
    readFile: (name) => (name === "kernel.ts" ? text : null),
    writeFile: (_, data) => void (binary = data),
    listFiles: () => [],
  });
  if (error) throw new Error(`${source} does not compile:\n${stderr}`);
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
