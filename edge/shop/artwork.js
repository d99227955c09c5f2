/**
 * A picture for every product, printed like a two-colour lino cut: from the words of its title, with the scene, the
 * tint and the small differences chosen by its category and id. The same product always looks the same.
 */

import { MOTIFS, OBJECTS } from "./drawings.js";
import { read } from "./words.js";

const TINTS = 12;
const INKS = ["red", "pink", "orange", "gold", "green", "aqua", "blue", "purple"];
const SCENES = [
  '<circle class="scene" cx="50" cy="52" r="39"/>',
  '<path class="scene" d="M14 100V48a36 36 0 0 1 72 0v52z"/>',
  '<path class="scene" d="M0 80q26-13 52-5t48-9v34H0z"/>',
  '<path class="scene" d="M0 82h100v18H0z"/><path class="scene faint" d="M8 12h84v62H8z"/>',
  '<path class="scene" d="M0 82h100v18H0z"/><path class="scene faint" d="M50 82L-8 40V14zM50 82L18-8h26zM50 82L58-8h26zM50 82L108 14v26z"/>',
  '<path class="scene" d="M50 6l44 44l-44 44L6 50z"/>',
];

/**
 * @param {{id: string, title: string, category: string}} item
 * @returns {SVGSVGElement} decorative: hidden from assistive technology, the title stands beside it
 */
export function artwork(item) {
  const seed = hash(item.id);
  const { object, colour, pattern, motif, count } = read(item.title, item.category);
  const { body, trim = "", line = "", motif: place } = OBJECTS[object];
  const ink = colour ?? INKS[(seed >>> 3) % INKS.length];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("class", `art tint-${hash(item.category) % TINTS} ink-${ink}`);
  svg.setAttribute("aria-hidden", "true");
  const flip = (seed >>> 7) % 2 ? ' transform="matrix(-1 0 0 1 100 0)"' : "";
  svg.innerHTML =
    `<g${flip}>${SCENES[seed % SCENES.length]}</g><ellipse class="shade" cx="50" cy="83" rx="31" ry="3.5"/>` +
    `<g transform="rotate(${((seed >>> 11) % 7) - 3} 50 82)">` +
    `<g transform="translate(2.2 1.6)"><path class="print" fill-rule="evenodd" d="${body}"/>` +
    (pattern ? `<path fill="url(#${pattern})" fill-rule="evenodd" d="${body}"/>` : "") +
    `<path class="trim" d="${trim}"/></g><path class="line" d="${body}${trim}${line}"/>` +
    (motif && place ? stamp(motif, place, trim !== "") : "") +
    "</g>" +
    (count ? tag(count) : "");
  return svg;
}

function stamp(motif, [x, y, half], onTrim) {
  const kind = onTrim ? "motif on-trim" : "motif";
  const width = (20 / half).toFixed(2);
  return `<path class="${kind}" transform="translate(${x} ${y}) scale(${half / 10})" stroke-width="${width}" d="${MOTIFS[motif]}"/>`;
}

/** How many come in a set, on a paper tag. */
function tag(count) {
  const half = 6 + String(count).length * 2.4;
  return (
    `<g transform="translate(${94 - half} 12)"><rect class="tag" x="${-half}" y="-7" width="${2 * half}" height="14" rx="7"/>` +
    `<text class="count" text-anchor="middle" y="3.2">×${count}</text></g>`
  );
}

/** FNV-1a, 32 bits. */
function hash(text = "") {
  let h = 0x811c9dc5;
  for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}
