/** The sheet with one product and what goes well with it. */

import { recommend } from "/doorstep.js";
import { artwork } from "./artwork.js";
import { add } from "./basket.js";
import { find, learn } from "./catalogue.js";
import { at, element } from "./element.js";
import { duration, price } from "./format.js";
import { places, tile } from "./tile.js";

const PAIRS = 6;

/** The product that is shown, so that a slow answer for an earlier one is dropped. */
let shown = null;

export const closeSheet = () => {
  shown = null;
  if (at("sheet").open) at("sheet").close();
};

/**
 * Open the sheet for product `id`. `onKnown` is called before the first picture if there is such a product.
 *
 * @param {string} id
 * @param {(id: string) => void} onKnown
 */
export async function openSheet(id, onKnown) {
  if (shown === id) return;
  shown = id;
  const item = await find(id);
  if (shown !== id) return;
  if (item) onKnown(id);
  showProduct(item);
  if (!at("sheet").open) at("sheet").showModal();
  at("sheet").scrollTop = 0;
  at("title").focus({ preventScroll: true });
  if (item) await showPairs(id);
}

function showProduct(item) {
  at("picture").replaceChildren(...(item ? [artwork(item)] : []));
  at("category").textContent = item?.category ?? "";
  at("title").textContent = item?.title ?? "We do not keep this product any more";
  at("price").textContent = item ? price(item.price) : "";
  at("add").hidden = !item;
  at("add").onclick = () => add(item);
  at("pairs").replaceChildren(...places(PAIRS));
  at("pairs-facts").textContent = "\u00a0";
}

/** The product alone is the history asked with, so the answer is the same for every visitor and is cached for all. */
async function showPairs(id) {
  const { items, layer, ms } = await recommend("product", { n: PAIRS, items: [id] });
  if (shown !== id) return;
  learn(items);
  at("pairs").replaceChildren(...items.map((item) => tile(item)));
  const took = ms.compute === null ? "" : `, computed in ${duration(ms.compute)}`;
  at("pairs-facts").textContent = items.length ? `Layer ${layer}${took}` : "The edge is out of reach just now.";
}
