/** What the page knows of products: there is no catalogue to load, every answer brings the cards of its items. */

import { recommend } from "/doorstep.js";

const LOOKED_AT = "pennywhistle.cards";
const known = new Map();
for (const item of stored()) known.set(item.id, item);

/** Remember the cards of an answer's items. */
export function learn(items) {
  for (const { id, title, price, category } of items) known.set(id, { id, title, price, category });
}

/** The card of item `id`, with the id for its title if nothing is known of it. */
export const card = (id) => known.get(id) ?? { id, title: id, category: "" };

/** Keep the cards of `ids` for the next visit: the history names items that no answer may bring again. */
export function keep(ids) {
  try {
    localStorage.setItem(LOOKED_AT, JSON.stringify([...new Set(ids)].filter((id) => known.has(id)).map(card)));
  } catch {
    // Without storage the next visit shows ids until an answer brings their cards.
  }
}

/** Item `id`'s card, or null if the shop has no such product. A history item outranks all that no list names. */
export async function find(id) {
  if (!known.has(id)) learn((await recommend("product", { n: 100, items: [id], seen: "allow" })).items);
  return known.get(id) ?? null;
}

function stored() {
  try {
    const cards = JSON.parse(localStorage.getItem(LOOKED_AT));
    return Array.isArray(cards) ? cards.filter((c) => typeof c?.id === "string" && typeof c.title === "string") : [];
  } catch {
    return [];
  }
}
