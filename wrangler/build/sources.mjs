/** The Python that goes into the snapshot. */

import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { basename, join, relative } from "node:path";

/**
 * @typedef {{path: string, bytes: Buffer}} Source `path` is relative to sys.path, such as "shared/model.py"
 * @param {string[]} packages directories of packages: ours, and the pure-Python wheels
 * @returns {Promise<Source[]>} sorted by path
 */
export async function readSources(packages) {
  const sources = [];
  for (const folder of packages) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (!entry.isFile() || !entry.name.endsWith(".py")) continue;
      sources.push({ path: join(basename(folder), relative(folder, file)), bytes: await readFile(file) });
    }
  }
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Dotted names of all modules in `sources`. */
export function moduleNames(sources) {
  return sources.map(({ path }) => path.slice(0, -3).replace(/\/__init__$/, "").replaceAll("/", "."));
}

/** A hash of contents and names, for build caches. */
export function fingerprint(sources, ...more) {
  const hash = createHash("sha256");
  for (const { path, bytes } of sources) hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  return hash.update(JSON.stringify(more)).digest("hex").slice(0, 16);
}
