/**
 * How long Python takes for an answer, without HTTP: POST queries, a line each; get microseconds per answer, the median
 * of batches that are long enough for workerd's clock, which ticks once a millisecond.
 */

import model from "./model.bin";
import rules from "./rules.json.txt";
import { Python } from "./python.mjs";

const WARM_UP = 20000;
const BATCHES = 9;
const BATCH = 2000;

const python = await Python.start({});
python.models.adopt(new Uint8Array(model), false);
python.adoptRules(rules);

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response("ok");
    const asked = (await request.text()).split("\n").map((line) => new Request(`http://edge${line}`));
    let next = 0;
    const answer = (count) => {
      const start = performance.now();
      for (let n = 0; n < count; ++n) {
        const { status } = python.answer(asked[next++ % asked.length], "", undefined);
        if (status !== 200) throw new Error(`answered ${status}`);
      }
      return ((performance.now() - start) / count) * 1000;
    };
    answer(WARM_UP);
    const times = Array.from({ length: BATCHES }, () => answer(BATCH)).sort((a, b) => a - b);
    return Response.json(times[BATCHES >> 1]);
  },
};
