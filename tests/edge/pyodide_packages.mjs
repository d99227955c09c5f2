/**
 * Loads the edge's packages into a stock Pyodide in Node and asks a model: node pyodide_packages.mjs ROOT PACKAGES MODEL HISTORY,
 * with HISTORY a JSON list of ids. Prints the answer.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [root, packages, model, history] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(root, "wrangler/node_modules/pyodide/pyodide.mjs")));
const quiet = () => {};
const python = await loadPyodide({ lockFileURL: join(packages, "pyodide-lock.json"), packageCacheDir: packages });
await python.loadPackage("doorstep-edge", { messageCallback: quiet, checkIntegrity: true });
const answer = python.runPython(`
import edge.app
from shared.answer import Question, render
from shared.decision import Decider
from shared.kernels import PythonKernel
from shared.model import open_model
from shared.rules import NO_RULES

def answer(model, history):
    decider = Decider(PythonKernel(open_model(model.to_bytes())), NO_RULES)
    return render(decider.decide(Question(n=10), history.to_py()))

answer`);
process.stdout.write(answer(new Uint8Array(readFileSync(model)), JSON.parse(history)));
