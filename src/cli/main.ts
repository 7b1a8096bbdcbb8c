import { endQuietlyWhenNobodyReads, exit } from "./ending.js";
import { execute } from "./execute.js";
import { ownStreams } from "./streams.js";

/** The `qtasks` command: runs what the words ask for and ends the process with the documented exit code. */
export async function main(argv: readonly string[]): Promise<never> {
  endQuietlyWhenNobodyReads();
  return await exit(await execute(argv, ownStreams()));
}
