/** Numbers as the shop writes them. */

const pounds = new Intl.NumberFormat("en-GB", { style: "currency", currency: "GBP" });

/** @param {number|undefined} price  in pounds; an item may have none */
export const price = (price) => (Number.isFinite(price) ? pounds.format(price) : "");

/** @param {number|null} ms  a duration: 0.21 is "210 µs", 3.456 is "3.5 ms"; 0 means that the clock was too coarse */
export function duration(ms) {
  if (ms === null) return "–";
  if (ms === 0) return "<1 ms";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
