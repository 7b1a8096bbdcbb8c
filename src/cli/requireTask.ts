import { UnknownTaskError } from "../core/errors.js";

/** @throws {UnknownTaskError} offering the nearest names */
export async function requireTask(names: readonly string[], name: string): Promise<void> {
  if (names.includes(name)) return;
  throw new UnknownTaskError(name, await nearestNames(name, names));
}

const MOST_NAMES = 3;

async function nearestNames(name: string, names: readonly string[]): Promise<string> {
  if (names.length === 0) return "No module registers a task. `qtasks list` shows what there is.";
  const { default: leven } = await import("leven");
  const near = names
    .map((candidate) => ({ candidate, distance: distance(leven, name, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.ceil(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST_NAMES)
    .map(({ candidate }) => candidate);
  if (near.length > 0) return `Did you mean ${near.join(", ")}?`;
  return names.length <= 8 ? `The tasks are: ${names.join(", ")}.` : "`qtasks list` shows what there is.";
}

/** A name that is contained, or is the last part of a dotted one, is near whatever its length. */
function distance(leven: (a: string, b: string) => number, name: string, candidate: string): number {
  const [short, long] = [name.toLowerCase(), candidate.toLowerCase()];
  if (short.length >= 3 && (long.includes(short) || short.includes(long))) return 1;
  return leven(short, long);
}
