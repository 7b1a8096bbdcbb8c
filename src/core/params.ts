/** One parameter of a task's function, as its source names it. */
export interface Param {
  readonly name: string;
  /** false with a default value, or for a rest parameter */
  readonly required: boolean;
  readonly rest: boolean;
}

/**
 * Reads the parameter list from a function's source text, as `Function.prototype.toString` gives it.
 * @returns undefined where the source does not show it (native and bound functions)
 */
export function paramsOf(source: string): readonly Param[] | undefined {
  const list = parameterList(source);
  if (list === undefined) return undefined;
  return splitTopLevel(list).map(toParam);
}

function parameterList(source: string): string | undefined {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) return undefined;
  const single = /^(?:async\s+)?([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>/u.exec(source);
  if (single) return single[1];
  const open = source.indexOf("(");
  if (open < 0) return undefined;
  const close = closing(source, open);
  return close === undefined ? undefined : source.slice(open + 1, close);
}

function toParam(text: string, index: number): Param {
  const rest = text.startsWith("...");
  const hasDefault = defaultAt(text) >= 0;
  const bare = (hasDefault ? text.slice(0, defaultAt(text)) : text).replace(/^\.\.\./, "").trim();
  // A destructured parameter has no name of its own.
  const name = /^[{[]/.test(bare) ? `arg${index + 1}` : bare;
  return { name, required: !rest && !hasDefault, rest };
}

/** Where the default value's `=` stands, outside of brackets and strings; -1 for none. */
function defaultAt(text: string): number {
  for (const { index, depth } of walk(text, 0))
    if (depth === 0 && text[index] === "=" && text[index + 1] !== ">") return index;
  return -1;
}

function splitTopLevel(list: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (const { index, depth } of walk(list, 0)) {
    if (depth !== 0 || list[index] !== ",") continue;
    parts.push(list.slice(from, index));
    from = index + 1;
  }
  parts.push(list.slice(from));
  return parts.map((part) => withoutComments(part).trim()).filter((part) => part !== "");
}

function closing(source: string, open: number): number | undefined {
  for (const { index, depth } of walk(source, open)) if (depth === 0 && source[index] === ")") return index;
  return undefined;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
}

/** The characters of code, with the depth of brackets after each; strings and comments are stepped over. */
function* walk(source: string, from: number): Generator<{ index: number; depth: number }> {
  let depth = 0;
  for (let index = from; index < source.length; index++) {
    const skipped = skip(source, index);
    if (skipped > index) {
      index = skipped;
      continue;
    }
    const char = source[index] as string;
    if ("([{".includes(char)) depth += 1;
    if (")]}".includes(char)) depth -= 1;
    yield { index, depth };
  }
}

/** @returns the last index of the string or comment that begins here, or the index itself */
function skip(source: string, index: number): number {
  const char = source[index] as string;
  if (char === "/" && (source[index + 1] === "*" || source[index + 1] === "/")) {
    const end = source[index + 1] === "*" ? source.indexOf("*/", index + 2) + 1 : source.indexOf("\n", index);
    return end <= index ? source.length : end;
  }
  if (!"\"'`".includes(char)) return index;
  let end = index + 1;
  while (end < source.length && source[end] !== char) end += source[end] === "\\" ? 2 : 1;
  return end;
}
