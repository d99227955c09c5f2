/** The departments: categories of the catalogue, found by asking for what the known ones leave out. */

import { recommend } from "/doorstep.js";
import { learn } from "./catalogue.js";
import { at, element } from "./element.js";
import { departmentLink } from "./route.js";

const MAX_FILTER = 512;

/** @returns {Promise<string[]>} categories in alphabetical order; none if the edge is out of reach */
export async function findDepartments() {
  const found = new Set();
  for (;;) {
    const filter = found.size ? `category!=${[...found].join("|")}` : "";
    if (filter.length > MAX_FILTER || found.size > 32) break;
    const { items } = await recommend("browse", { n: 100, items: [], filter });
    const before = found.size;
    for (const { category } of items) if (category && !/[|;]/.test(category)) found.add(category);
    learn(items);
    if (found.size === before) break;
  }
  return [...found].sort((a, b) => a.localeCompare(b));
}

/** @param {string|null} open  the department that is open, null for the whole shop */
export function showDepartments(names, open) {
  const links = [null, ...names].map((name) =>
    element("li", {}, element("a", { href: departmentLink(name), textContent: label(name) })),
  );
  at("departments").replaceChildren(...links);
  markDepartment(open);
}

/** Mark the open department in the list and in the heading. */
export function markDepartment(open) {
  at("department").textContent = label(open);
  for (const link of at("departments").querySelectorAll("a")) {
    const current = link.textContent === label(open);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** "jewellery" as a heading: "Jewellery". */
const label = (department) => (department ? department[0].toUpperCase() + department.slice(1) : "Best loved");
