/** The real worker, with doors into its interpreter for tests. Never part of a shipped bundle. */

import { env } from "cloudflare:workers";
import { Host } from "./host.mjs";
import { ModelMemory } from "./models.mjs";
import { Python } from "./python.mjs";
import { PROBLEM_TYPE } from "./problem.mjs";

const DOOR = "/v1/test/python"; // below /v1/, so that the host guards it as it does every request

let selftest;
let models;

const start = Python.start;
Python.start = async (settings) => {
  const started = await start.call(Python, settings);
  const { python, memory, kernel } = started.interpreter;
  selftest = python.pyimport("edge.selftest").SelfTest(python.pyimport("_doorstep"));
  models = new ModelMemory(selftest, memory, kernel);
  return started;
};

const answer = Python.prototype.answer;
Python.prototype.answer = function (request, body, context) {
  if (!request.url.endsWith(DOOR)) return answer.call(this, request, body, context);
  const value = this.interpreter.python.runPython(body);
  return { status: 200, background: 0, head: "content-type: text/plain\n", body: String(value) };
};

const host = new Host(env);
await host.open();

export default {
  async fetch(request, _, context) {
    const { pathname } = new URL(request.url);
    try {
      if (pathname === "/test/model") return new Response(await models.receive(request));
      if (pathname === "/test/kernel") return new Response(selftest.answer(await request.text()));
      return await host.fetch(request, context);
    } catch (error) {
      return new Response(String(error?.stack ?? error), { status: 500, headers: { "content-type": PROBLEM_TYPE } });
    }
  },
};
