import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EXIT } from "../exit.js";
import { canImportQTasks, packageJsonIn, packageManagerOf } from "../packageManager.js";
import type { Stage } from "../stage.js";

const CONFIG = `import { defineConfig } from "qtasks";

export default defineConfig({
  // Task modules live here. Everything else has a default: see the guide.
  tasks: "tasks",
});
`;

const HELLO = `import { app } from "qtasks";

/** Try: qtasks run hello Ada */
export const hello = app.task({ name: "hello", description: "Greet somebody" }, async (name: string = "world") => {
  return \`Hello, \${name}!\`;
});
`;

/** Writes a project that runs as it is, whatever type of modules its package.json asks for; what exists is kept. */
export async function init(stage: Stage): Promise<number> {
  const root = process.cwd();
  const written: string[] = [];
  const kept: string[] = [];
  const put = (file: string, text: string, inItsPlace: string | undefined) => {
    if (inItsPlace === undefined) write(join(root, file), text);
    (inItsPlace === undefined ? written : kept).push(inItsPlace ?? file);
  };
  put("qtasks.config.ts", CONFIG, configIn(root));
  put("tasks/hello.ts", HELLO, tasksIn(root));
  if (ignoreQueue(root)) written.push(".gitignore");
  if (stage.json) stage.document({ written, kept });
  for (const file of stage.json ? [] : written) stage.answer(`wrote ${file}`);
  for (const file of stage.json ? [] : kept) stage.answer(`kept  ${file}, it was there already`);
  sayWhatIsNext(stage, root);
  return EXIT.ok;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { flag: "wx" });
}

/** A second config would hide the first one. */
function configIn(root: string): string | undefined {
  const found = readdirSync(root).find((name) => /^(?:qtasks\.config\.|\.qtasksrc)/.test(name));
  return found ?? (packageJsonIn(root)?.qtasks === undefined ? undefined : "package.json");
}

/** Tasks that are there already may well be called hello, too. */
function tasksIn(root: string): string | undefined {
  const folder = join(root, "tasks");
  const [first] = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : [];
  return first === undefined ? undefined : `tasks/${first}`;
}

/** @returns false where there is nothing to add, or nobody to read it */
function ignoreQueue(root: string): boolean {
  const file = join(root, ".gitignore");
  const text = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (text === undefined && !existsSync(join(root, ".git"))) return false;
  if (text !== undefined && /^\/?\.qtasks\/?\s*$/m.test(text)) return false;
  const separator = text === undefined || text === "" || text.endsWith("\n") ? "" : "\n";
  appendFileSync(file, `${separator}.qtasks/\n`);
  return true;
}

function sayWhatIsNext(stage: Stage, root: string): void {
  const { add, run } = packageManagerOf(root);
  if (!canImportQTasks(root)) stage.hint(`First \`${add} qtasks\`: the task modules import it.`);
  stage.hint(`Try \`${run} qtasks list\`, then \`${run} qtasks run hello Ada\`.`);
}
