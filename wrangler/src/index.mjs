/** The worker. */

import { env } from "cloudflare:workers";
import { Host } from "./host.mjs";

const host = new Host(env);
await host.open();

export default {
  fetch: (request, _, context) => host.fetch(request, context),
};
