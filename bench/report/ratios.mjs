import { median } from "../lib/statistics.mjs";

/** The row of a contender in a result; undefined where it was not measured. */
export function rowOf(result, contender) {
  const row = result?.rows.find((candidate) => candidate.contender === contender);
  return row === undefined || row.values.length === 0 ? undefined : row;
}

/** How a contender compares with another, each round for itself: the median, and the range. */
export function ratioOf(result, contender, baseline) {
  const row = rowOf(result, contender);
  const base = rowOf(result, baseline);
  if (row === undefined || base === undefined) return undefined;
  const ratios = row.values.map((value, round) => value / base.values[round]);
  return summaryOf(ratios);
}

export function summaryOf(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
