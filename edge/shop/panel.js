/** "How this was decided": the layer, the times, the model, and the reason and score of every item. */

import { at, element } from "./element.js";
import { duration } from "./format.js";
import { reason } from "./tile.js";

const LAYERS = {
  client: "Read from this browser’s own store; no request was made.",
  isolate: "The worker had just answered the same question and had the answer in memory.",
  cdn: "This point of presence had the answer in its cache.",
  edge: "Computed now, in WebAssembly, in the worker nearest to you.",
  "origin-memory": "The edge asked the origin, which had the answer in memory.",
  redis: "The edge asked the origin, which found the answer in Redis.",
  origin: "The edge asked the origin, which computed the answer.",
  popular: "The last resort: the model’s own list of what is popular.",
};
const UNREACHABLE = "The edge is out of reach; these items are from before your last click.";

/**
 * Show how `answer` came about.
 *
 * @param {import("/doorstep.js").Answer} answer
 * @param {string[]} history  what was sent with the question
 */
export function showDecision(answer, history) {
  const { layer, ms, stale } = answer;
  const took = ms.compute === null ? "" : ` · ${duration(ms.compute)} to compute`;
  at("facts").textContent = `${layer}${stale ? ", stale" : ""}${took} · ${duration(ms.total)} in all`;
  at("layers").replaceChildren(...Object.keys(LAYERS).map((name) => station(name, name === layer)));
  at("told").textContent =
    layer === "none" ? UNREACHABLE : (LAYERS[layer] ?? "") + (stale ? " It is stale; a newer one is being fetched." : "");
  if (layer !== "none") showAnswer(answer, history);
}

function showAnswer({ ms, model, slot, items }, history) {
  const figures = {
    Computed: ms.compute === null ? "nothing" : duration(ms.compute),
    "Round trip": duration(ms.total),
    Model: model,
    Question: `${items.length} items for “${slot}”, ${history.length} in the history`,
  };
  at("figures").replaceChildren(
    ...Object.entries(figures).map(([name, value]) =>
      element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })),
    ),
  );
  const scores = items.map((item) => item.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  at("reasons").replaceChildren(
    ...items.map((item) =>
      element(
        "li",
        {},
        element("b", { textContent: item.title }),
        element("span", { textContent: reason(item, history.length > 0) }),
        element("meter", { min: 0, max: 1, value: share(item.score, low, high), title: `Score ${item.score}`,
          ariaLabel: `Score ${item.score}` }),
      ),
    ),
  );
}

/** Where `score` lies between the list's lowest and highest, leaving the lowest a visible rest. */
const share = (score, low, high) => 0.06 + 0.94 * (high > low ? (score - low) / (high - low) : 1);

function station(name, current) {
  const made = element("li", { textContent: name });
  if (current) made.setAttribute("aria-current", "true");
  return made;
}
