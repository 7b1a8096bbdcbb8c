import { inspect } from "node:util";

/** Colours a text, or leaves it as it is where there is to be no colour. */
export type Brush = (text: string) => string;

const NAMES = ["bold", "dim", "inverse", "red", "green", "yellow", "cyan"] as const;

export type Paint = Readonly<Record<(typeof NAMES)[number], Brush>>;

/** The few codes that are needed are Node's own: a package that looks at the terminal first takes 4 ms to load. */
export function createPaint(isColoured: boolean): Paint {
  return Object.fromEntries(NAMES.map((name) => [name, isColoured ? brush(name) : plain])) as Paint;
}

const plain: Brush = (text) => text;

function brush(name: (typeof NAMES)[number]): Brush {
  const [on, off] = inspect.colors[name] ?? [0, 0];
  // A code ends with its line: what a terminal scrolls in takes the colour of the line's end.
  return (text) =>
    text === "" ? "" : `\u001b[${on}m${text.replaceAll("\n", `\u001b[${off}m\n\u001b[${on}m`)}\u001b[${off}m`;
}
