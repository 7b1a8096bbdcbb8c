import type { Sql } from "./sql.js";

/**
 * The best due tasks of these names, by (priority, due time, arrival). Each name has a line of its own in the index,
 * so that a million tasks of other names cost nothing; the lines are merged here.
 * @returns ids, best first
 */
export function bestDue(sql: Sql, names: readonly string[], limit: number): readonly number[] {
  const heads = sql.json<Head[]>(HEADS, JSON.stringify(names));
  const [only] = heads;
  if (only === undefined || limit <= 0) return [];
  if (heads.length === 1) return sql.json<number[]>(IDS_OF_LINE, only[0], limit);
  return merge(sql, heads, limit);
}

/** priority, due time, id: compared from left to right */
type Place = readonly [number, number, number];
type Head = readonly [name: string, priority: number, due: number, id: number];

/** The part of a name's line that has been read, the next to take at the end. */
interface Line {
  readonly name: string;
  ahead: Place[];
}

function merge(sql: Sql, heads: readonly Head[], limit: number): readonly number[] {
  const lines = heads.map(([name, priority, due, id]): Line => ({ name, ahead: [[priority, due, id]] }));
  // A line whose head is behind `limit` other heads gives nothing.
  lines.sort(byHead).splice(limit);
  const chunk = Math.max(SMALLEST_CHUNK, Math.ceil((2 * limit) / lines.length));
  const ids: number[] = [];
  while (ids.length < limit) {
    const line = lines.reduce((best, other) => (byHead(other, best) < 0 ? other : best));
    const place = line.ahead.pop();
    if (place === undefined) break;
    ids.push(place[2]);
    if (line.ahead.length === 0) line.ahead = readAhead(sql, line.name, place, chunk);
  }
  return ids;
}

const SMALLEST_CHUNK = 4;

function readAhead(sql: Sql, name: string, after: Place, limit: number): Place[] {
  return sql.json<Place[]>(AFTER_IN_LINE, name, ...after, limit).reverse();
}

/** Lines that have come to their end go last. */
function byHead(one: Line, other: Line): number {
  const a = one.ahead.at(-1);
  const b = other.ahead.at(-1);
  if (a === undefined || b === undefined) return (a === undefined ? 1 : 0) - (b === undefined ? 1 : 0);
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

const HEADS = `
  SELECT json_group_array(json_array(w.name, w.priority, w.due, w.id)) AS json
  FROM json_each(?) AS n CROSS JOIN waiting AS w
  WHERE w.id = (SELECT id FROM waiting WHERE name = n.value AND later = 0 ORDER BY priority, due, id LIMIT 1)`;

const IDS_OF_LINE = `
  SELECT json_group_array(id) AS json
  FROM (SELECT id FROM waiting WHERE name = ? AND later = 0 ORDER BY priority, due, id LIMIT ?)`;

const AFTER_IN_LINE = `
  SELECT json_group_array(json_array(priority, due, id)) AS json
  FROM (
    SELECT priority, due, id FROM waiting
    WHERE name = ? AND later = 0 AND (priority, due, id) > (?, ?, ?) ORDER BY priority, due, id LIMIT ?
  )`;
