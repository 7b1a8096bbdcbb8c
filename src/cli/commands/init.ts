import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EXIT } from "../exit.js";
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

const FILES: Readonly<Record<string, string>> = { "qtasks.config.ts": CONFIG, "tasks/hello.ts": HELLO };

/** Writes a project that runs as it is; a file that exists is kept. */
export async function init(stage: Stage): Promise<number> {
  const written: string[] = [];
  const kept: string[] = [];
  for (const [file, text] of Object.entries(FILES)) {
    const path = join(process.cwd(), file);
    if (existsSync(path)) {
      kept.push(file);
      continue;
    }
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: "wx" });
    written.push(file);
  }
  if (stage.json) stage.document({ written, kept });
  for (const file of stage.json ? [] : written) stage.answer(`wrote ${file}`);
  for (const file of stage.json ? [] : kept) stage.answer(`kept  ${file}, it was there already`);
  stage.hint("Try `qtasks list`, then `qtasks run hello Ada`.");
  return EXIT.ok;
}
