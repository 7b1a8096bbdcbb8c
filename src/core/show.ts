const LONGEST = 200;

/** A value as it is put into an error's message: short, and never throwing itself. */
export function show(value: unknown): string {
  const text = describe(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function describe(value: unknown): string {
  try {
    if (typeof value === "function") return `the function ${value.name || "(anonymous)"}`;
    if (typeof value !== "object" && typeof value !== "string") return String(value);
    return JSON.stringify(value) ?? String(value);
  } catch {
    return describeKind(value);
  }
}

function describeKind(value: unknown): string {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    return `an unreadable ${typeof value}`;
  }
}
