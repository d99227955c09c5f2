/** `element("li", {className: "x"}, child, "text")`: the one way in which the shop makes markup. Text is never parsed. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** @returns {HTMLElement} the element with this id, which index.html must hold */
export const at = (id) => document.getElementById(id);
