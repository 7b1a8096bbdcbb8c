/** Thrown by the quick command line where it would need what it does not hold. Nothing has been said or done then. */
export class Elsewhere extends Error {}
