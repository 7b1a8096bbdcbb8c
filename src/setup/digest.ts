import { createHash } from "node:crypto";

/** Tells whether a text is the same, without telling the text. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
