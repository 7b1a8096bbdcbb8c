import { Writable } from "node:stream";

/**
 * `qtasks list | head -1` closes the pipe early: that is no error of ours. A command that listens too decides itself.
 * Returns a function that stops listening.
 */
export function endQuietlyWhenNobodyReads(): () => void {
  const stops = [process.stdout, process.stderr].map((stream) => {
    const listener = (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === process.stdout && stream.listenerCount("error") === 1) process.exit(0);
    };
    stream.on("error", listener);
    return () => stream.off("error", listener);
  });
  return () => {
    for (const stop of stops) stop();
  };
}

/** User code may have left timers and sockets open, so the end does not wait for them; the streams are written out. */
export async function exit(code: number): Promise<never> {
  // What this turn has said is written at its end.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  for (const stream of [process.stdout, process.stderr]) {
    // Not `drain`, which comes only to who was told to wait; nor the stream's own write, which user code's is led through.
    await new Promise<void>((resolve) => Writable.prototype.write.call(stream, "", "utf8", () => resolve()));
  }
  process.exit(code);
}
