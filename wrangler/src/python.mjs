/** One interpreter with its worker open: the JavaScript end of the narrow call. */

import { boot } from "./boot.mjs";
import { perform } from "./effects.mjs";
import { headOf, isAsk, parseAsk, parseDone } from "./messages.mjs";
import { ModelMemory } from "./models.mjs";

export class Python {
  #begin;
  #resume;
  #close;
  #worker;

  /** @param {object} settings the DOORSTEP_* bindings */
  static async start(settings) {
    const interpreter = await boot();
    const worker = interpreter.python.pyimport("edge.worker").open_worker(JSON.stringify(settings));
    return new Python(interpreter, worker);
  }

  /**
   * @param {{python: object, memory: WebAssembly.Memory, kernel: object}} interpreter
   * @param {object} worker the proxy of edge.worker.Worker
   */
  constructor(interpreter, worker) {
    this.interpreter = interpreter;
    this.models = new ModelMemory(worker, interpreter.memory, interpreter.kernel);
    this.#worker = worker;
    this.#begin = worker.begin;
    this.#resume = worker.resume;
    this.#close = worker.close;
  }

  adoptRules(text) {
    this.#worker.adopt_rules(text);
  }

  /** Every restored interpreter would draw the same random numbers; only a request may ask for fresh ones. */
  reseed() {
    this.#worker.reseed(crypto.getRandomValues(new Uint8Array(32)).toHex());
  }

  /**
   * Step one request to its end. What it awaits is performed here, inside this very request. A client that leaves ends
   * a question; what it has sent goes its way all the same.
   *
   * @returns {Promise<{status: number, background: number, head: string, body: string}> | object} not a promise
   *   if nothing was awaited
   */
  answer(request, body, context) {
    const message = this.#begin(Date.now(), headOf(request), body);
    if (!isAsk(message)) return parseDone(message);
    return this.#drive(message, { context, signal: isQuestion(request) ? request.signal : undefined });
  }

  /** Step what goes on after the response was sent. */
  async finish(ticket, context) {
    const message = this.#resume(ticket, Date.now(), "", "");
    if (isAsk(message)) await this.#drive(message, { context });
  }

  async #drive(message, { context, signal }) {
    const { ticket } = parseAsk(message);
    const host = { context, signal, models: this.models };
    const leave = () => this.#close(ticket);
    signal?.addEventListener("abort", leave);
    try {
      while (isAsk(message)) message = await this.#perform(message, host);
    } catch (error) {
      this.#close(ticket);
      throw error;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
    return parseDone(message);
  }

  async #perform(message, host) {
    const { ticket, effect } = parseAsk(message);
    let value = "";
    let failed = "";
    try {
      value = await perform(effect, host);
    } catch (error) {
      failed = reason(error);
    }
    return this.#resume(ticket, Date.now(), failed, value);
  }
}

/** Whether a request only asks. */
export function isQuestion({ method }) {
  return method === "GET" || method === "HEAD";
}

/** Whether an interpreter that threw this cannot be used any more: anything that is not an exception of Python's. */
export function isFatal(error) {
  return error?.name !== "PythonError";
}

/** One line; of a Python traceback the last, which names the exception. */
function reason(error) {
  const text = String(error?.message ?? error).trim();
  return text.slice(text.lastIndexOf("\n") + 1) || "failed";
}
