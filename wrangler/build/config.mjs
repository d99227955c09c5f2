/** How the bundle is run: a workerd configuration, and wrangler.jsonc for the same modules. */

import settings from "../settings.json" with { type: "json" };

export const COMPATIBILITY_DATE = "2026-10-01";

const KINDS = { mjs: "esModule", wasm: "wasm", bin: "data", txt: "text" };

/**
 * Cap'n Proto text. `workerd compile --config-only` turns it into a binary that starts faster than `embed` does.
 *
 * @param {string[]} modules file names; the first is the entry
 * @param {{v8Flags?: string[]}} options
 */
export function workerdConfig(modules, { v8Flags = [] } = {}) {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "doorstep", worker = .doorstep),
    (name = "cache", worker = .cache),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "doorstep")],
  v8Flags = ${JSON.stringify(v8Flags)},
);

const doorstep :Workerd.Worker = (
  modules = [
${modules.map(moduleLine).join("\n")}
  ],
  compatibilityDate = "${COMPATIBILITY_DATE}",
  compatibilityFlags = ["enable_request_signal"],
  cacheApiOutbound = "cache",
  bindings = [
${Object.keys(settings).map((name) => `    (name = "${name}", fromEnvironment = "${name}"),`).join("\n")}
  ],
);

const cache :Workerd.Worker = (
  modules = [(name = "dev_cache.mjs", esModule = embed "dev_cache.mjs")],
  compatibilityDate = "${COMPATIBILITY_DATE}",
);
`;
}

function moduleLine(name) {
  return `    (name = "${name}", ${KINDS[name.split(".").at(-1)]} = embed "worker/${name}"),`;
}
