/** The real worker, which also tells how large its linear memory is: V8's own figures leave that out. */

import { env } from "cloudflare:workers";
import { Host } from "./host.mjs";
import { Python } from "./python.mjs";

let memory;
const start = Python.start;
Python.start = async (settings) => {
  const python = await start.call(Python, settings);
  memory = python.interpreter.memory;
  return python;
};

const host = new Host(env);
await host.open();

export default {
  fetch(request, _, context) {
    if (request.url.endsWith("/linear")) {
      gc(); // v8Flags has --expose-gc; workerd's inspector does not answer HeapProfiler.collectGarbage
      return Response.json(memory.buffer.byteLength);
    }
    return host.fetch(request, context);
  },
};
