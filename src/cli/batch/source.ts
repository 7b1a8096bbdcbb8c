import { createWriteStream } from "node:fs";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { UsageError } from "../usage.js";

/** Something that can be read from its beginning as often as needed. */
export interface BatchSource {
  readonly bytes: number;
  read(): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/**
 * Opens a file, or `-` for stdin. What can be read only once is kept in a temporary file that nobody else can open.
 * @throws {UsageError}
 */
export async function openBatch(file: string, signal: AbortSignal): Promise<BatchSource> {
  try {
    const handle = file === "-" ? await spool(process.stdin, signal) : await openFile(file, signal);
    const { size } = await handle.stat();
    return {
      bytes: size,
      read: () => handle.createReadStream({ start: 0, end: Math.max(0, size - 1), autoClose: false }),
      close: () => handle.close(),
    };
  } catch (error) {
    if (signal.aborted) throw error;
    throw new UsageError(
      `The batch ${file} cannot be read: ${(error as Error).message}`,
      "Give a file, or - for stdin.",
    );
  }
}

async function openFile(file: string, signal: AbortSignal): Promise<FileHandle> {
  const handle = await open(file);
  if ((await handle.stat()).isFile()) return handle;
  // A pipe, such as the shell's <(…).
  return await spool(handle.createReadStream(), signal);
}

async function spool(input: NodeJS.ReadableStream, signal: AbortSignal): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), "qtasks-batch-"));
  try {
    const file = join(folder, "lines");
    await pipeline(input, createWriteStream(file, { flags: "wx", mode: 0o600 }), { signal });
    return await open(file);
  } finally {
    // The open file goes on without its name, and leaves nothing behind however this process ends.
    await rm(folder, { recursive: true, force: true });
  }
}
