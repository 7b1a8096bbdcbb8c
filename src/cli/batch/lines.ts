import { UsageError } from "../usage.js";

export interface Line {
  /** from 1 on; empty lines count, and are not given */
  readonly number: number;
  readonly text: string;
  /** of all that was read, to the end of this line */
  readonly endBytes: number;
}

const LINE_END = 10;

/**
 * The lines of a text that is never held as a whole.
 * @param mostBytes of one line
 * @throws {UsageError} naming a line that is longer, or no UTF-8
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Line> {
  let number = 0;
  let endBytes = 0;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  const add = (part: Buffer) => {
    begun.push(part);
    begunBytes += part.length;
    if (begunBytes > mostBytes) throw tooLong(number + 1, mostBytes);
  };
  const finish = (): Line | undefined => {
    const bytes = begun.length === 1 ? (begun[0] as Buffer) : Buffer.concat(begun);
    [begun, begunBytes] = [[], 0];
    number += 1;
    const text = decode(bytes, number);
    return text.trim() === "" ? undefined : { number, text, endBytes };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(LINE_END); at >= 0; at = chunk.indexOf(LINE_END, from)) {
      add(chunk.subarray(from, at));
      endBytes += at + 1 - from;
      from = at + 1;
      const line = finish();
      if (line !== undefined) yield line;
    }
    add(chunk.subarray(from));
    endBytes += chunk.length - from;
  }
  const last = finish();
  if (last !== undefined) yield last;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Buffer, number: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new UsageError(`Line ${number} of the batch cannot be used: it is not UTF-8.`, NOTHING_QUEUED);
  }
}

function tooLong(number: number, mostBytes: number): UsageError {
  return new UsageError(
    `Line ${number} of the batch cannot be used: it is longer than ${mostBytes} bytes, more than \`maxPayload\` allows.`,
    NOTHING_QUEUED,
  );
}

export const NOTHING_QUEUED = "Nothing was queued. Give a JSON array or object a line.";
