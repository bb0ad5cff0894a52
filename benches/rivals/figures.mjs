// Medians, and tables of them.

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The smallest and the largest of the middle eight tenths, which tells how noisy the machine was.
 * @param {number[]} values
 */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return `${number(at(0.1))}–${number(at(0.9))}`;
}

/**
 * Three figures that count.
 * @param {number} value
 */
export function number(value) {
  if (value >= 1000) return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

/**
 * @param {number} value
 * @param {number} own
 */
export const ratio = (value, own) => `${(value / own).toFixed(2)}×`;

/**
 * Prints a table as Markdown, so that it can go into a document as it is.
 * @param {string} title
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function table(title, head, rows) {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column].length)));
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  console.log(`\n${title}\n\n${[line(head), rule, ...rows.map(line)].join("\n")}`);
}
