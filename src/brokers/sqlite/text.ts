/**
 * Everything that is not plain by its nature (ids, task names) is stored as JSON text: the drivers cut text at a NUL
 * and change half surrogate pairs, and SQLite writes numbers into JSON with 15 digits only.
 */
export function toText(value: unknown): string {
  return JSON.stringify(value);
}
