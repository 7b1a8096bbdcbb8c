/** Control characters, line and paragraph separators, and the marks that turn the direction of text around. */
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const SHORT: Readonly<Record<string, string>> = {
  "\r": "\\r",
  "\b": "\\b",
  "\f": "\\f",
  "\v": "\\v",
  "\0": "\\0",
};

/**
 * Text that came from a task, made safe for a terminal: control characters are shown as escapes, so that none can
 * move the cursor, recolour the screen or forge a line. Line ends and tabs stay.
 */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (char) => SHORT[char] ?? codeOf(char));
}

/** The same for JSON text, which stays the JSON that it was. */
export function escapeInJson(json: string): string {
  return json.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same for where one line is all there is room for. */
export function escapeLine(text: string): string {
  return escapeControls(text).replace(/\n/g, "\\n").replace(/\t/g, "\\t");
}

function codeOf(char: string): string {
  const code = char.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
}
