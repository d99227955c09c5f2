/** The demo shop: puts the parts together and follows the address. */

import { click, forget, history, recommend } from "/doorstep.js";
import { showBasket } from "./basket.js";
import { keep, learn } from "./catalogue.js";
import { findDepartments, markDepartment, showDepartments } from "./departments.js";
import { at, element } from "./element.js";
import { departmentLink, route } from "./route.js";
import { followHistory, prepareShelf, refreshShelf, SHELF } from "./shelf.js";
import { closeSheet, openSheet } from "./sheet.js";
import { places, tile } from "./tile.js";

const PAGE = 48;
const MOST = 84;

/** The department in the grid, null for the whole shop; undefined before the first. */
let open;

function follow() {
  const { department, product } = route();
  if (open === undefined || (!product && department !== open)) {
    open = department;
    markDepartment(open);
    showGrid(PAGE);
  }
  if (product) openSheet(product, look);
  else closeSheet();
}

/** A look at a product is a click; coming back to it by reload or through the tab's past is not. */
function look(id) {
  if (window.history.state !== id) click(id);
  window.history.replaceState(id, "");
  refreshShelf();
}

/** A new visitor's shelf already shows what is most popular; the whole shop's grid then goes on from there. */
const newcomer = history().length === 0;

async function showGrid(n) {
  const department = open;
  const skip = newcomer && !department ? SHELF : 0;
  if (n === PAGE) at("grid").replaceChildren(...places(PAGE));
  const filter = department ? `category=${department}` : "";
  const answer = await recommend("browse", { n: Math.min(n + skip, 100), items: [], filter });
  if (department !== open) return;
  learn(answer.items);
  const unreachable = element("li", { className: "empty", textContent: "The edge is out of reach just now. " });
  const nothing = element("li", { className: "empty", textContent: "Nothing in this department." });
  const empty = answer.layer === "none" ? unreachable : nothing;
  const items = answer.items.slice(skip);
  at("grid").replaceChildren(...(items.length ? items.map((item) => tile(item)) : [empty]));
  at("more").hidden = n === MOST || items.length < n;
}

function scrollShelf(direction) {
  at("shelf").scrollBy({ left: direction * at("shelf").clientWidth * 0.8 });
}

at("back").onclick = () => scrollShelf(-1);
at("on").onclick = () => scrollShelf(1);
at("more").onclick = () => showGrid(MOST);
at("again").onclick = at("bypass").onchange = refreshShelf;
at("forget").onclick = () => {
  forget();
  keep([]);
  refreshShelf();
  at("for-you").focus({ preventScroll: true });
};
at("sheet").addEventListener("close", () => {
  if (route().product) location.hash = departmentLink(open);
  if (document.activeElement === document.body) at("for-you").focus({ preventScroll: true });
});
at("sheet").addEventListener("click", (event) => event.target === at("sheet") && at("sheet").close());
document.querySelector("[data-skip]").onclick = (event) => {
  event.preventDefault(); // the address is the route's
  at("products").focus();
};
addEventListener("hashchange", follow);
addEventListener("storage", followHistory); // a click in another tab
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refreshShelf());

prepareShelf();
showBasket();
follow();
showDepartments([], open);
refreshShelf();
findDepartments().then((names) => showDepartments(names, open));
