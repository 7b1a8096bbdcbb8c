const CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 };

/** The exit code of a process that a signal ended. */
export function signalCode(signal: string): number {
  return CODES[signal] ?? 143;
}

/** Calls back at each signal that asks this process to end. Returns a function that stops listening. */
export function onSignals(callback: (signal: string) => void): () => void {
  for (const signal of Object.keys(CODES)) process.on(signal, callback);
  return () => {
    for (const signal of Object.keys(CODES)) process.off(signal, callback);
  };
}

/** Waits for the body; at a signal tells so and resolves to its exit code instead. */
export async function interruptible(tell: () => void, body: () => Promise<number>): Promise<number> {
  let stopListening = () => {};
  const interrupted = new Promise<number>((resolve) => {
    stopListening = onSignals((signal) => {
      tell();
      resolve(signalCode(signal));
    });
  });
  try {
    return await Promise.race([body(), interrupted]);
  } finally {
    stopListening();
  }
}
