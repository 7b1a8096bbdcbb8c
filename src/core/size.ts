const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};
const SIZE = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|kib|mib|gib)?$/;

/** @returns bytes, or undefined when the value is no size: a whole number, or text such as "512KiB" or "1MB" */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== "string") return undefined;
  const [, amount, unit = "b"] = SIZE.exec(value.trim().toLowerCase()) ?? [];
  if (amount === undefined) return undefined;
  const bytes = Math.round(Number(amount) * (UNIT_BYTES[unit] as number));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** For people: `3.2 GiB` */
export function showSize(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  if (power === 0) return `${bytes} bytes`;
  return `${(bytes / 1024 ** power).toFixed(1)} ${["", "KiB", "MiB", "GiB", "TiB"][power]}`;
}
