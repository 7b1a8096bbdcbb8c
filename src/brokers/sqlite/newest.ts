import { loadDriver } from "./driver.js";
import { openToLook } from "./look.js";

export interface NewestTask {
  readonly uuid: string;
  readonly name: string;
  readonly status: string;
}

/** The tasks queued last, read without opening the queue for anybody else: nothing is made, and nobody is waited for. */
export async function newestTasks(path: string, limit: number): Promise<readonly NewestTask[]> {
  const db = openToLook(await loadDriver(), path);
  try {
    return db.prepare(NEWEST).all(limit) as NewestTask[];
  } finally {
    db.close();
  }
}

const NEWEST = `
  SELECT t.uuid, t.name,
    coalesce(f.status, CASE WHEN a.id IS NULL THEN 'new' ELSE 'process' END) AS status
  FROM (SELECT id, uuid, name FROM tasks ORDER BY id DESC LIMIT ?) AS t
  LEFT JOIN finished AS f ON f.id = t.id LEFT JOIN active AS a ON a.id = t.id
  ORDER BY t.id DESC`;
