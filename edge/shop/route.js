/** The address says what is open: `#department=Clocks`, or `#product=22727` over whatever department is open. */

/** @returns {{department: string|null, product: string|null}} */
export function route() {
  const parts = new URLSearchParams(location.hash.slice(1));
  return { department: parts.get("department"), product: parts.get("product") };
}

/** @param {string|null} department  null for the whole shop */
export const departmentLink = (department) => (department ? `#${new URLSearchParams({ department })}` : "#");

export const productLink = (product) => `#${new URLSearchParams({ product })}`;
