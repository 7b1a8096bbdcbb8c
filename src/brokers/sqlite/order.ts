import type { ClaimRequest } from "../../ports/broker.js";
import type { Sql } from "./sql.js";

/**
 * Takes the best due tasks of these names out of the line, by (priority, due time, arrival). Each name has a line of
 * its own in the index, so that a million tasks of other names cost nothing; the lines are merged here.
 * @returns ids, best first
 */
export function takeBest(sql: Sql, names: readonly string[], { limit, atMost }: Amount): readonly number[] {
  if (limit <= 0) return [];
  const few = new Set(atMost?.names);
  const heads = sql.json<Head[]>(HEADS, JSON.stringify(names));
  const lines = heads.map(([name, ...head]) => new Line(name, head, few.has(name)));
  const [only, second] = lines;
  if (only === undefined) return [];
  const fewest = atMost?.limit ?? limit;
  if (second === undefined) return only.take(sql, only.isFew ? Math.min(fewest, limit) : limit);
  return merge(sql, lines, limit, fewest);
}

type Amount = Pick<ClaimRequest, "limit" | "atMost">;

export function hasDue(sql: Sql, names: readonly string[]): boolean {
  return sql.json<Head[]>(HEADS, JSON.stringify(names)).length > 0;
}

/** priority, due time, id: compared from left to right */
type Place = readonly [number, number, number];
type Head = readonly [name: string, ...place: Place];

/** The due tasks of one name, read piece by piece. */
class Line {
  readonly #name: string;
  /** what has been read and not been taken, the best last */
  #ahead: Place[];
  #taken: Place | undefined;

  /** at most so many of its kind may be taken, together */
  readonly isFew: boolean;

  constructor(name: string, head: Place, isFew: boolean) {
    this.#name = name;
    this.#ahead = [head];
    this.isFew = isFew;
  }

  get head(): Place | undefined {
    return this.#ahead.at(-1);
  }

  /** Takes the head, and reads on where nothing is left of what was read. */
  shift(sql: Sql, readAhead: number): Place | undefined {
    const place = this.#ahead.pop();
    if (place === undefined) return undefined;
    this.#taken = place;
    if (this.#ahead.length === 0) {
      this.#ahead = sql.json<Place[]>(AFTER, this.#name, ...place, readAhead).reverse();
    }
    return place;
  }

  /** The way of most workers, with tasks of one name: all at once. */
  take(sql: Sql, limit: number): readonly number[] {
    const places = sql.json<Place[]>(FIRST, this.#name, limit);
    this.#taken = places.at(-1);
    this.leave(sql);
    return places.map(([, , id]) => id);
  }

  /** What was taken is the front of the line: one range to delete. */
  leave(sql: Sql): void {
    if (this.#taken !== undefined) sql.run(LEAVE, this.#name, ...this.#taken);
  }
}

function merge(sql: Sql, lines: readonly Line[], limit: number, fewest: number): readonly number[] {
  const readAhead = Math.max(4, Math.ceil((2 * limit) / Math.max(1, lines.length)));
  const ids: number[] = [];
  let open = lines;
  let fewLeft = fewest;
  while (ids.length < limit) {
    const best = open.reduce<Line | undefined>(better, undefined);
    const place = best?.shift(sql, readAhead);
    if (place === undefined) break;
    ids.push(place[2]);
    if (best?.isFew && --fewLeft <= 0) open = open.filter((line) => !line.isFew);
  }
  for (const line of lines) line.leave(sql);
  return ids;
}

function better(best: Line | undefined, line: Line): Line {
  return best === undefined || byHead(line, best) < 0 ? line : best;
}

/** Lines that have come to their end go last. */
function byHead(one: Line, other: Line): number {
  const [a, b] = [one.head, other.head];
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

const HEADS = `
  SELECT json_group_array(json(head)) AS json
  FROM (
    SELECT (
      SELECT json_array(name, priority, due, id) FROM ready
      WHERE name = n.value ORDER BY priority, due, id LIMIT 1
    ) AS head FROM json_each(?) AS n
  )
  WHERE head IS NOT NULL`;

const FIRST = `
  SELECT json_group_array(json_array(priority, due, id)) AS json
  FROM (SELECT priority, due, id FROM ready WHERE name = ? ORDER BY priority, due, id LIMIT ?)`;

const AFTER = `
  SELECT json_group_array(json_array(priority, due, id)) AS json
  FROM (
    SELECT priority, due, id FROM ready
    WHERE name = ? AND (priority, due, id) > (?, ?, ?) ORDER BY priority, due, id LIMIT ?
  )`;

const LEAVE = "DELETE FROM ready WHERE name = ? AND (priority, due, id) <= (?, ?, ?)";
