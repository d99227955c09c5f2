/** A product as a tile: picture, title, price, and why it is there. */

import { artwork } from "./artwork.js";
import { card } from "./catalogue.js";
import { element } from "./element.js";
import { price } from "./format.js";
import { productLink } from "./route.js";

/**
 * @param {object} item  an item of an answer
 * @param {string} [reason]  one line beneath
 */
export function tile(item, reason) {
  return element(
    "li",
    { className: "tile" },
    element(
      "a",
      { href: productLink(item.id) },
      artwork(item),
      element("span", { className: "name", textContent: item.title }),
      element("span", { className: "price", textContent: price(item.price) }),
    ),
    reason === undefined ? null : element("p", { className: "reason", textContent: reason, title: reason }),
  );
}

/** Empty places that hold a list's room until its answer is there. */
export const places = (n) =>
  Array.from({ length: n }, () =>
    element("li", { className: "tile place", ariaHidden: "true" }, element("span", { className: "art" })),
  );

/** Why `item` is shown to a visitor with or without a history, as a sentence's end. */
export function reason(item, hasHistory) {
  if (item.because) return `Because you looked at ${card(item.because).title}`;
  return hasHistory ? "Similar to what you looked at" : "Popular";
}
