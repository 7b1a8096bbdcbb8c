/** Three digits are more than a noisy machine has to say. */
export function number(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

export function range({ median, min, max }) {
  return min === max ? number(median) : `${number(median)} (${number(min)}–${number(max)})`;
}
