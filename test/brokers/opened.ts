import type { Broker } from "../../src/ports/broker.js";

/**
 * The brokers of one case of the conformance suite, all on one place.
 * @param clear takes the place away, once all of them are closed
 */
export async function openedOn<B extends Broker>(
  make: () => B,
  clear: () => Promise<void> | void = () => {},
) {
  const brokers: B[] = [];
  const connect = async () => {
    const broker = make();
    brokers.push(broker);
    await broker.open();
    return broker;
  };
  return {
    broker: await connect(),
    second: connect,
    async dispose() {
      for (const broker of brokers) await broker.close();
      await clear();
    },
  };
}
