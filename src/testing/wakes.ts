import type { Broker, BrokerListener } from "../ports/broker.js";

/**
 * Subscribes, does something, and waits until the broker calls back about it.
 * @param isSeen whether what was done can be seen; asked at each call, of which some one must come late enough
 * @param boundMs the default is below the five seconds that test frameworks give a case
 * @throws {Error} when none has come in a time that no storage should need
 */
export async function wakes(
  subscriber: Broker,
  event: "queued" | "settled" | "cancelling",
  uuid: string,
  doing: () => Promise<unknown>,
  isSeen: () => Promise<boolean> = async () => true,
  boundMs = 4000,
): Promise<void> {
  const { promise: woken, resolve, reject } = deferred();
  const look = (uuids?: readonly string[]) => {
    if (uuids !== undefined && !uuids.includes(uuid)) return;
    isSeen().then((seen) => {
      if (seen) resolve();
    }, reject);
  };
  const listener: BrokerListener = event === "queued" ? { queued: () => look() } : { [event]: look };
  const unsubscribe = await subscriber.subscribe(listener);
  const bound = setTimeout(() => reject(new Error(`nobody was told "${event}"`)), boundMs);
  try {
    // Together, so that a failure of either is handled whenever it comes.
    await Promise.all([woken, doing()]);
  } finally {
    clearTimeout(bound);
    unsubscribe();
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = () => {};
  let reject = (_: Error) => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
