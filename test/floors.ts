import { posix } from "node:path";
import ts from "typescript";

/** Files by their path from the repository's root, such as `src/core/json.ts`. */
export type Sources = ReadonlyMap<string, string>;

/** Each room's floor: imports only go down. */
const FLOORS: Readonly<Record<string, number>> = {
  core: 0,
  ports: 1,
  engine: 2,
  brokers: 2,
  executors: 2,
  isolation: 2,
  plugins: 2,
  testing: 2,
  setup: 3,
  cli: 4,
  web: 4,
};
const DOOR = "src/index.ts";
const DOOR_FLOOR = 5;
const OWN_NAME = "qtasks";
const OUTSIDE_THE_HOUSE = "/";
/** The only file that may know every broker. */
const BROKER_CHOICE = "src/brokers/fromUrl.ts";

/** What of the world a pure file must not touch, by the name it is reached by. */
const WORLD = new Set([
  "process",
  "performance",
  "globalThis",
  "global",
  "require",
  "crypto",
  "console",
  "fetch",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
]);
/** It counts bytes, and knows nothing of the process. */
const BUFFER_IS_ALLOWED_IN = "src/core/json.ts";

/** Every way in which the files break the drawing of the house, one line each; empty when they keep it. */
export function floorViolations(sources: Sources): readonly string[] {
  const files = [...sources].map(([path, text]) => parse(path, text));
  return [
    ...files.flatMap((file) => file.imports.flatMap((target) => wrongImport(file.path, target, sources))),
    ...files.filter(({ path }) => roomOf(path) === "core").flatMap(impurities),
    ...cycles(files, sources),
  ];
}

interface SourceFile {
  readonly path: string;
  /** module specifiers, type imports included; relative ones as paths from the root */
  readonly imports: readonly string[];
  readonly tree: ts.SourceFile;
}

function parse(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: string[] = [];
  visit(tree, (node) => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) imports.push(resolved(path, specifier));
  });
  return { path, imports, tree };
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : undefined;
  if (ts.isExternalModuleReference(node)) return textOf(node.expression);
  const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isDynamic ? textOf(node.arguments[0]) : undefined;
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

function resolved(from: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  const path = posix.join(posix.dirname(from), specifier);
  return path.startsWith("src/") ? path.replace(/\.js$/, ".ts") : `${OUTSIDE_THE_HOUSE}${path}`;
}

function roomOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function floorOf(path: string): number | undefined {
  return path === DOOR ? DOOR_FLOOR : FLOORS[roomOf(path)];
}

function wrongImport(from: string, target: string, sources: Sources): readonly string[] {
  const arrow = `${from} -> ${target}`;
  const [fromRoom, targetRoom] = [roomOf(from), roomOf(target)];
  if (target === DOOR || target === OWN_NAME) return [`goes through the door from inside: ${arrow}`];
  if (target.startsWith(OUTSIDE_THE_HOUSE)) return [`leaves the house: ${from} -> ${target}`];
  if (!target.startsWith("src/")) return fromRoom === "core" ? [`comes from outside: ${arrow}`] : [];
  if (!sources.has(target)) return [`leads nowhere: ${arrow}`];
  const [fromFloor, targetFloor] = [floorOf(from), floorOf(target)];
  if (fromFloor === undefined) return [`is in no room: ${from}`];
  if (targetFloor === undefined) return [`is in no room: ${target}`];
  if (targetFloor > fromFloor) return [`climbs: ${arrow}`];
  if (targetFloor === fromFloor && fromRoom !== targetRoom) return [`crosses to a neighbour: ${arrow}`];
  return crossesBrokers(from, target) ? [`crosses to another broker: ${arrow}`] : [];
}

function crossesBrokers(from: string, target: string): boolean {
  if (roomOf(from) !== "brokers" || roomOf(target) !== "brokers" || from === BROKER_CHOICE) return false;
  const folderOf = (path: string) => posix.dirname(path);
  const shares = (folder: string, other: string) => `${folder}/`.startsWith(`${other}/`);
  const [own, other] = [folderOf(from), folderOf(target)];
  return !shares(own, other) && !shares(other, own);
}

function impurities({ path, tree }: SourceFile): readonly string[] {
  const found: string[] = [];
  visit(tree, (node) => {
    const reached = reachedWorld(node, path);
    if (reached !== undefined) found.push(`is not pure: ${path} uses ${reached}`);
  });
  return found;
}

/** The clock, the dice, the process and the like, when this node reaches for it. */
function reachedWorld(node: ts.Node, path: string): string | undefined {
  if (ts.isNewExpression(node) && isNamed(node.expression, "Date") && (node.arguments?.length ?? 0) === 0)
    return "new Date()";
  if (ts.isCallExpression(node) && isNamed(node.expression, "Date")) return "Date()";
  if (ts.isPropertyAccessExpression(node)) {
    const text = `${node.expression.getText()}.${node.name.text}`;
    if (text === "Date.now" || text === "Math.random") return text;
  }
  if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return "import.meta";
  if (!ts.isIdentifier(node) || !isReference(node)) return undefined;
  if (node.text === "Buffer" && path !== BUFFER_IS_ALLOWED_IN) return "Buffer";
  return WORLD.has(node.text) ? node.text : undefined;
}

function isNamed(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}

/** Not the name of a property, parameter or the like. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const isNameOfParent = "name" in parent && parent.name === node;
  const isPropertyOfBinding = ts.isBindingElement(parent) && parent.propertyName === node;
  return !isNameOfParent && !isPropertyOfBinding;
}

/** Each circle once, beginning at its first file by name. */
function cycles(files: readonly SourceFile[], sources: Sources): readonly string[] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const found = new Set<string>();
  const walk = (path: string, way: readonly string[]) => {
    const since = way.indexOf(path);
    if (since >= 0) found.add(circle(way.slice(since)));
    if (since >= 0 || done.has(path)) return;
    for (const target of importsOf.get(path) ?? []) if (sources.has(target)) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of importsOf.keys()) walk(path, []);
  return [...found];
}

function circle(way: readonly string[]): string {
  const first = way.indexOf([...way].sort()[0] ?? "");
  const turned = [...way.slice(first), ...way.slice(0, first)];
  return `goes in a circle: ${[...turned, turned[0]].join(" -> ")}`;
}
