/** Keeps an interpreter alive, sends it what it may answer, and answers alone when it cannot. */

import model from "./model.bin";
import rules from "./rules.json.txt";
import { popular, withoutPython } from "./fallback.mjs";
import { isLive, live } from "./live.mjs";
import { headersOf, targetOf } from "./messages.mjs";
import { problem } from "./problem.mjs";
import { Python, isFatal, isQuestion } from "./python.mjs";
import { serveFile } from "./static.mjs";

const MAX_BODY_BYTES = 256 * 1024;

export class Host {
  #settings;
  #python;
  #booting = false;
  #seeded = false;
  #model = model.byteLength ? new Uint8Array(model) : undefined;

  /** @param {object} env the worker's bindings */
  constructor(env) {
    const ours = Object.entries(env).filter(([name, value]) => name.startsWith("DOORSTEP_") && typeof value === "string");
    this.#settings = Object.fromEntries(ours);
  }

  /** Start Python, unless that is to wait for the first request (DOORSTEP_BOOT=lazy). */
  async open() {
    if (this.#settings.DOORSTEP_BOOT !== "lazy") await this.#boot();
  }

  /** @returns {Promise<Response> | Response} */
  fetch(request, context) {
    const target = targetOf(request.url);
    if (!target.startsWith("/v1/") && !target.startsWith("/healthz") && !target.startsWith("/readyz")) {
      return serveFile(request, target.split("?", 1)[0], Boolean(this.#settings.DOORSTEP_DEMO));
    }
    if (isLive(target)) return live(request, target, this.#settings);
    if (!this.#python) return this.#alone(request, context);
    if (!this.#seeded) this.#seed();
    if (isQuestion(request)) return this.#ask(request, "", context);
    const answer = this.#askWithBody(request, context);
    context.waitUntil(answer); // a page that is left sends its last events and does not wait for the answer
    return answer;
  }

  async #askWithBody(request, context) {
    const body = await readText(request, MAX_BODY_BYTES);
    if (body !== null) return this.#ask(request, body, context);
    return problem(413, "body_too_large", `a body has at most ${MAX_BODY_BYTES} bytes`);
  }

  async #ask(request, body, context) {
    const python = this.#python;
    try {
      const done = await python.answer(request, body, context);
      if (done.background) context.waitUntil(this.#finish(python, done.background, context));
      return responseOf(done, request);
    } catch (error) {
      this.#failed(python, error, context);
      return withoutPython(request, this.#settings);
    }
  }

  async #finish(python, ticket, context) {
    try {
      await python.finish(ticket, context);
    } catch (error) {
      this.#failed(python, error, context);
    }
  }

  #alone(request, context) {
    this.#bootLater(context);
    return withoutPython(request, this.#settings);
  }

  #failed(python, error, context) {
    console.error(`Python failed: ${error}`);
    if (!isFatal(error) || this.#python !== python) return;
    this.#python = undefined;
    this.#model = python.models.last();
    this.#bootLater(context);
  }

  /** Boot after the response of this request is on its way. */
  #bootLater(context) {
    if (this.#booting) return;
    this.#booting = true;
    context.waitUntil(scheduler.wait(0).then(() => this.#boot()));
  }

  async #boot() {
    this.#booting = true;
    try {
      const python = await Python.start(this.#settings);
      this.#equip(python);
      this.#seeded = false;
      this.#python = python;
    } catch (error) {
      console.error(`Python did not start: ${error?.stack ?? error}`);
    } finally {
      this.#booting = false;
    }
  }

  /** The bundle's model and rules, verified when it was built; after a crash the model that was in use. */
  #equip(python) {
    try {
      if (this.#model) python.models.adopt(this.#model, false);
      if (rules) python.adoptRules(rules);
    } catch (error) {
      console.error(`the bundle's model or rules were refused: ${error}`);
    }
    this.#model = undefined;
    if (model.byteLength) model.transfer(0); // Python holds the only copy from here on
  }

  #seed() {
    this.#python.reseed();
    this.#seeded = true;
  }
}

/** The body as text, or null if it is larger than `most` bytes. */
async function readText(request, most) {
  if (!request.body) return "";
  if (Number(request.headers.get("content-length")) > most) return null;
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > most) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function responseOf({ status, head, body }, request) {
  return status ? new Response(body || null, { status, headers: headersOf(head) }) : popular(targetOf(request.url));
}
