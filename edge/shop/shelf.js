/** "Recommended for you": asks with the visitor's history, shows the answer, then the newer one if it was stale. */

import { history, recommend } from "/doorstep.js";
import { artwork } from "./artwork.js";
import { card, keep, learn } from "./catalogue.js";
import { at, element } from "./element.js";
import { showDecision } from "./panel.js";
import { productLink } from "./route.js";
import { places, reason, tile } from "./tile.js";

/** How many items the shelf shows. */
export const SHELF = 12;

/** Counts questions, so that an answer which comes after a later question's is dropped. */
let asked = 0;
let askedFor = "";

/** Hold the shelf's room before the first answer. */
export const prepareShelf = () => at("shelf").replaceChildren(...places(SHELF));

/** Ask and show. */
export async function refreshShelf() {
  const question = ++asked;
  const clicks = history();
  askedFor = String(clicks);
  const show = (answer) => {
    if (!answer || question !== asked) return;
    learn(answer.items);
    keep(clicks);
    if (answer.items.length) showItems(answer.items, clicks);
    showDecision(answer, clicks);
  };
  showHistory(clicks);
  const answer = await recommend("home", { n: SHELF, bypass: at("bypass").checked });
  show(answer);
  show(await answer.newer);
}

/** Ask again if the history is no longer what was asked for. */
export const followHistory = () => String(history()) !== askedFor && refreshShelf();

/** Items that stay keep their element, so that focus and scroll position survive; the others come in gently. */
function showItems(items, clicks) {
  const present = new Map([...at("shelf").children].map((li) => [li.dataset.id, li]));
  const tiles = items.map((item) => {
    const why = reason(item, clicks.length > 0);
    const made = present.get(item.id) ?? tile(item, why);
    made.dataset.id = item.id;
    made.querySelector(".reason").textContent = made.querySelector(".reason").title = why;
    return made;
  });
  const unchanged = tiles.length === present.size && tiles.every((made, i) => made === at("shelf").children[i]);
  at("shelf").replaceChildren(...tiles);
  if (!unchanged) at("shelf").scrollTo({ left: 0, behavior: "instant" });
  at("why").textContent = clicks.length
    ? `Following what you looked at, most recently ${card(clicks[0]).title}`
    : "What everybody likes, until we know what you like";
}

function showHistory(clicks) {
  const counts = new Map();
  for (const id of clicks) counts.set(id, (counts.get(id) ?? 0) + 1);
  at("history").replaceChildren(
    ...[...counts].map(([id, count]) => {
      const { title } = card(id);
      const label = count > 1 ? `${title}, ${count} times` : title;
      const link = element("a", { href: productLink(id), title: label, ariaLabel: label }, artwork(card(id)));
      return element("li", {}, link, count > 1 ? element("span", { textContent: `×${count}`, ariaHidden: "true" }) : null);
    }),
  );
  at("none").hidden = clicks.length > 0;
  at("forget").disabled = clicks.length === 0;
}
