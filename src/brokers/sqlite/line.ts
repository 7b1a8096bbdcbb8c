import type { Sql } from "./sql.js";

/** Puts tasks that have just arrived in line; ids of one transaction follow each other. */
export function enterLine(sql: Sql, firstId: number, lastId: number, someAreLater: boolean): void {
  sql.run(`${ENTER_READY} WHERE id BETWEEN ? AND ? AND due <= created`, firstId, lastId);
  if (someAreLater) sql.run(`${ENTER_LATER} WHERE id BETWEEN ? AND ? AND due > created`, firstId, lastId);
}

/** Puts one task in line, at the due time in its row. */
export function putInLine(sql: Sql, id: number, isLater: boolean): void {
  sql.run(isLater ? PUT_LATER : PUT_READY, id);
}

/** @param ids of waiting tasks, as a JSON array */
export function takeOutOfLine(sql: Sql, ids: string): void {
  sql.run(LEAVE_READY, ids);
  sql.run(LEAVE_LATER, ids);
}

const ENTER_READY = "INSERT INTO ready (name, priority, due, id) SELECT name, priority, due, id FROM tasks";
const ENTER_LATER = "INSERT INTO later (name, due, id, priority) SELECT name, due, id, priority FROM tasks";
const PUT_READY = `${ENTER_READY} WHERE id = ?`;
const PUT_LATER = `${ENTER_LATER} WHERE id = ?`;

const PLACES = "FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value";
const LEAVE_READY = `
  DELETE FROM ready WHERE (name, priority, due, id) IN (SELECT t.name, t.priority, t.due, t.id ${PLACES})`;
const LEAVE_LATER = `
  DELETE FROM later WHERE (name, due, id) IN (SELECT t.name, t.due, t.id ${PLACES})`;
