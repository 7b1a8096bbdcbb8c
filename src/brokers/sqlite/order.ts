import type { Sql } from "./sql.js";

/**
 * Takes the best due tasks of these names out of the line, by (priority, due time, arrival). Each name has a line of
 * its own in the index, so that a million tasks of other names cost nothing; the lines are merged here.
 * @returns ids, best first
 */
export function takeBest(sql: Sql, names: readonly string[], limit: number): readonly number[] {
  if (limit <= 0) return [];
  const lines = sql.json<Head[]>(HEADS, JSON.stringify(names)).map(([name, ...head]) => new Line(name, head));
  return lines.length === 1 ? lines.flatMap((line) => line.take(sql, limit)) : merge(sql, lines, limit);
}

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

  constructor(name: string, head: Place) {
    this.#name = name;
    this.#ahead = [head];
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

function merge(sql: Sql, lines: Line[], limit: number): readonly number[] {
  // A line whose head is behind `limit` other heads gives nothing.
  lines.sort(byHead).splice(limit);
  const readAhead = Math.max(4, Math.ceil((2 * limit) / Math.max(1, lines.length)));
  const ids: number[] = [];
  while (ids.length < limit) {
    const best = lines.reduce<Line | undefined>(better, undefined);
    const place = best?.shift(sql, readAhead);
    if (place === undefined) break;
    ids.push(place[2]);
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
