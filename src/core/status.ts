export const STATUSES = ["new", "process", "success", "error", "cancel"] as const;

/** `new` waits (now or for later), `process` runs; the others are end statuses. */
export type Status = (typeof STATUSES)[number];

export const END_STATUSES = ["success", "error", "cancel"] as const;
export type EndStatus = (typeof END_STATUSES)[number];

export function isStatus(value: unknown): value is Status {
  return STATUSES.includes(value as Status);
}

export function isFinal(status: Status): status is EndStatus {
  return status !== "new" && status !== "process";
}

/** How one run ended. `interrupted` (shutdown, a neighbour's limit) and `lost` (its worker died) use up no attempt. */
export type RunStatus = EndStatus | "interrupted" | "lost";
