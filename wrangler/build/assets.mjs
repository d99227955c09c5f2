/** Files that the worker serves by itself become data modules of the bundle. */

import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { extname, join, relative } from "node:path";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

/**
 * @param {{prefix: string, folder: string}[]} roots what is served below which path
 * @returns {Promise<Map<string, Uint8Array | string>>} modules of the bundle by file name
 */
export async function bundleAssets(roots) {
  const modules = new Map();
  const imports = [];
  const entries = [];
  for (const { path, file } of await listFiles(roots)) {
    const bytes = await readFile(file);
    const type = TYPES[extname(file)];
    if (!type) throw new Error(`${file}: no content type is known for ${extname(file) || "a file without extension"}`);
    const n = entries.length;
    const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
    modules.set(`asset-${n}.bin`, bytes);
    imports.push(`import a${n} from "./asset-${n}.bin";`);
    entries.push(`  [${JSON.stringify(path)}, { type: ${JSON.stringify(type)}, etag: ${JSON.stringify(etag)}, body: a${n} }],`);
  }
  const text = [...imports, "", "export const assets = new Map([", ...entries, "]);", ""].join("\n");
  return modules.set("assets.mjs", text);
}

async function listFiles(roots) {
  const found = [];
  for (const { prefix, folder } of roots) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      const served = entry.isFile() && !/\.(md|py|pyc|ts)$/.test(entry.name);
      if (served) found.push({ path: prefix + relative(folder, file), file });
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}
