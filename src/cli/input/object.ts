import { isObject } from "../../core/facts.js";
import { UsageError } from "../usage.js";

/** One thing that was said about an input. */
export interface Given {
  readonly path: readonly string[];
  readonly value: unknown;
  /** how it stood on the command line: `--sku`, `sku=` */
  readonly as: string;
}

type Tree = Map<string, Leaf | Tree>;
type Leaf = Pick<Given, "value" | "as">;

/**
 * One object of all that was given; where the same was said again in the same way, the last counts.
 * @param objects that are there in any case
 * @throws {UsageError} when a field is given in two ways
 */
export function gather(given: readonly Given[], objects: readonly (readonly string[])[] = []): object {
  const root: Tree = new Map();
  // Whole objects first: what is given for one field of them goes into them.
  for (const one of given.toSorted((a, b) => a.path.length - b.path.length)) put(root, one);
  for (const path of objects) provide(root, path);
  return toObject(root);
}

function put(root: Tree, { path, value, as }: Given): void {
  let tree = root;
  for (const key of path.slice(0, -1)) {
    const inner = opened(tree.get(key));
    if (!(inner instanceof Map)) throw twice(path, inner.as, as);
    tree.set(key, inner);
    tree = inner;
  }
  const key = path.at(-1) ?? "";
  const before = tree.get(key);
  if (before instanceof Map) throw twice(path, `fields of ${key}`, as);
  if (before !== undefined && before.as !== as) throw twice(path, before.as, as);
  tree.set(key, { value, as });
}

/** Whatever stands there already is the caller's. */
function provide(root: Tree, path: readonly string[]): void {
  let tree = root;
  for (const key of path) {
    const inner = opened(tree.get(key));
    if (!(inner instanceof Map)) return;
    tree.set(key, inner);
    tree = inner;
  }
}

/** An object that was given whole, as what can take further fields. */
function opened(node: Leaf | Tree | undefined): Leaf | Tree {
  if (node === undefined) return new Map();
  if (node instanceof Map || !isObject(node.value)) return node;
  return new Map(Object.entries(node.value).map(([key, value]) => [key, { value, as: node.as }]));
}

/** `fromEntries` makes a `__proto__` a key like any other. */
function toObject(tree: Tree): object {
  return Object.fromEntries(
    [...tree].map(([key, node]) => [key, node instanceof Map ? toObject(node) : node.value]),
  );
}

function twice(path: readonly string[], first: string, second: string): UsageError {
  return new UsageError(
    `${path.join(".")} is given twice: by ${first} and by ${second}.`,
    "Give it one way.",
  );
}
