/** One instant, on both clocks. */
export interface Moment {
  /** epoch milliseconds: due times, and what people read. May jump. */
  readonly wallMs: number;
  /** milliseconds since some start of this boot, the same for all processes: leases. Never jumps. */
  readonly monoMs: number;
  /** names the boot that `monoMs` counts from; leases of another boot have run out */
  readonly bootId: string;
}

export type CancelTimer = () => void;

/** Clock, dice and identity of this process. Everything below the roof takes them from here. */
export interface System {
  readonly host: string;
  readonly pid: number;
  now(): Moment;
  /** from 0 up to but not including 1 */
  random(): number;
  /** a UUIDv7, greater than every earlier one of this process */
  newId(): string;
  /** Calls back once after `delayMs` of the monotonic clock. The timer alone does not keep the process alive when `idle`. */
  timer(delayMs: number, callback: () => void, options?: { readonly idle?: boolean }): CancelTimer;
}
