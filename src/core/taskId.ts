const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** No NUL and no half of a character, which not every storage can hold, and no more than somebody calls a task. */
const FOREIGN = /^[^\0\p{Surrogate}]{1,1000}$/u;

/** Every task that is queued here has such an id, in small letters. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Other programs may have called a task so, in a queue that they share. */
export function canBeForeignId(text: string): boolean {
  return FOREIGN.test(text);
}
