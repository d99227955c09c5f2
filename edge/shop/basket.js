/** The basket: how many products and what they cost, kept for the next visit. It goes no further; this is a demo. */

import { at } from "./element.js";
import { price } from "./format.js";

const KEY = "pennywhistle.basket";
let basket = stored();

/** Put one of `item` into the basket. */
export function add(item) {
  basket = { count: basket.count + 1, total: basket.total + (item.price ?? 0) };
  try {
    localStorage.setItem(KEY, JSON.stringify(basket));
  } catch {
    // It lasts as long as the page.
  }
  showBasket();
}

export function showBasket() {
  at("basket").textContent = basket.count ? `Basket ${basket.count} · ${price(basket.total)}` : "Basket empty";
}

function stored() {
  try {
    const { count, total } = JSON.parse(localStorage.getItem(KEY));
    return { count: Number(count) || 0, total: Number(total) || 0 };
  } catch {
    return { count: 0, total: 0 };
  }
}
