import { app } from "qtasks";

/** What a service that is down for a moment throws. */
export class UnavailableError extends Error {}

/** Fails until its attempt number says otherwise: shows retries, and which errors are retried. */
export const flakyFetch = app.task(
  {
    name: "flaky.fetch",
    echo: true,
    retry: 3,
    retryOnExc: [UnavailableError],
    retryDelay: { base: 0.05, factor: 2, jitter: 0.2 },
    description: "Fails a given number of times, then succeeds",
  },
  async (self, failures: number = 2) => {
    if (self.ctx.attempt <= failures)
      throw new UnavailableError(`attempt ${self.ctx.attempt} found nobody there`);
    return { attempts: self.ctx.attempt };
  },
);
