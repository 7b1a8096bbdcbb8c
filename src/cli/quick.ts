import { Elsewhere } from "./elsewhere.js";
import { endQuietlyWhenNobodyReads, exit } from "./ending.js";
import { execute } from "./execute.js";

/**
 * The same as `main`, as far as it goes without any code of the user's: it is bundled into one file, which starts in
 * half the time, and that file must not meet modules that import this package. Resolves when `main` is needed after all.
 */
export async function answer(argv: readonly string[]): Promise<void> {
  const stopListening = endQuietlyWhenNobodyReads();
  try {
    const code = await execute(argv, {
      out: (text) => void process.stdout.write(text),
      err: (text) => void process.stderr.write(text),
    });
    await exit(code);
  } catch (error) {
    if (!(error instanceof Elsewhere)) throw error;
    stopListening();
  }
}
