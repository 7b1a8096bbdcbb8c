import { app } from "qtasks";

/** A plain function that keeps a core busy: how many primes there are below `limit`, by the sieve of Eratosthenes. */
export const countPrimes = app.task(
  { name: "primes.count", tags: ["cpu"], description: "How many primes are below a limit", maxTime: 60 },
  (limit: number) => {
    const composite = new Uint8Array(limit);
    let count = 0;
    for (let number = 2; number < limit; number++) {
      if (composite[number]) continue;
      count += 1;
      for (let multiple = number * number; multiple < limit; multiple += number) composite[multiple] = 1;
    }
    return count;
  },
);
