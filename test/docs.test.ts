import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const repo = fileURLToPath(new URL("..", import.meta.url));
const pages = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map((name) => join(repo, name)),
  ...readdirSync(join(repo, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(repo, "docs", name)),
];

/** Of the tasks with an input schema that the pages show. */
const INPUT_FLAGS = ["--sku", "--pieces", "--colour", "--to", "--copies"];

describe("links", () => {
  test.each(pages.map((page) => relative(repo, page)))("of %s lead somewhere", (name) => {
    const page = join(repo, name);
    const broken = linksOf(page).filter((link) => !leadsSomewhere(page, link));
    expect(broken).toEqual([]);
  });

  test("every decision is in the list of decisions", () => {
    const folder = join(repo, "docs", "decisions");
    const listed = linksOf(join(folder, "README.md"));
    expect(listed).toEqual(readdirSync(folder).filter((name) => /^\d{4}-/.test(name)));
  });
});

describe("the guarantees", () => {
  const page = join(repo, "docs", "guarantees.md");
  const shown = [...read(page).matchAll(/^- \[[\w-]+\]\((\S+)\): “(.+)”$/gm)].map(
    ([, file = "", name = ""]) => ({
      file,
      name,
    }),
  );

  test("name a test for each clause", () => {
    const clauses = read(page).split(/^## /m).slice(1);
    const bare = clauses.filter((clause) => /^\d/.test(clause) && !clause.includes("\n- ["));
    expect(clauses).toHaveLength(16);
    expect(bare).toEqual([]);
  });

  test("name tests that are there", () => {
    const missing = shown.filter(({ file, name }) => !read(resolve(dirname(page), file)).includes(name));
    expect(shown.length).toBeGreaterThan(40);
    expect(missing).toEqual([]);
  });
});

describe("the README", () => {
  test.each(["qtasks.config.ts", "tasks/mail.ts"])("shows examples/shop/%s as it is", (name) => {
    expect(read(join(repo, "README.md"))).toContain(read(join(repo, "examples", "shop", name)));
  });
});

describe("the command line", () => {
  const shared = helpOf();
  const commands = [...shared.matchAll(/^ {2}([a-z]+)(?: .*)?$/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "help");
  const help = new Map(commands.map((name) => [name, helpOf(name)]));

  test.each(["README.md", "docs/guide.md", "docs/cli.md", "docs/recipes.md", "docs/task-life.md"])(
    "understands every command that %s shows",
    (name) => {
      const unknown = commandsShownIn(join(repo, name)).filter(({ command, flags }) => {
        const own = help.get(command);
        const isKnown = (flag: string) => hasFlag(own ?? "", flag) || hasFlag(shared, flag);
        return own === undefined || flags.some((flag) => !isKnown(flag) && !INPUT_FLAGS.includes(flag));
      });
      expect(unknown).toEqual([]);
    },
  );

  test("has no flag that the pages show as one of a task's input", () => {
    const ofTasks = ["call", "run"].map((command) => help.get(command) ?? "");
    for (const flag of INPUT_FLAGS) expect(ofTasks.some((own) => hasFlag(own, flag))).toBe(false);
  });

  test("has a section in docs/cli.md for every command, and a mention of every flag", () => {
    const page = read(join(repo, "docs", "cli.md"));
    const missing = commands.flatMap((command) => {
      const section = page.includes(`\n## ${command}\n`) ? [] : [command];
      const flags = (help.get(command) ?? "").match(/(?<=^ {2}(?:-\w, )?)--[a-z-]+/gm) ?? [];
      return [
        ...section,
        ...flags.filter((flag) => !hasFlag(page, flag)).map((flag) => `${command} ${flag}`),
      ];
    });
    expect(missing).toEqual([]);
  });
});

function read(file: string): string {
  return readFileSync(file, "utf8");
}

/** Relative ones, outside of code. */
function linksOf(page: string): readonly string[] {
  const text = read(page).replace(/^```[\s\S]*?^```/gm, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : resolve(dirname(page), path);
  if (!existsSync(target)) return false;
  return anchor === undefined || headingsOf(target).includes(anchor);
}

function headingsOf(page: string): readonly string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

interface Shown {
  readonly line: string;
  readonly command: string;
  readonly flags: readonly string[];
}

/** The lines of fenced blocks that call `qtasks`, with or without a prompt. */
function commandsShownIn(page: string): readonly Shown[] {
  const blocks = [...read(page).matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
  return blocks
    .flatMap((block) => block.split("\n"))
    .flatMap((line) => {
      const [, command = "", rest = ""] = /^(?:\$ )?qtasks ([a-z]+)\b(.*)$/.exec(line) ?? [];
      const bare = rest.replace(/'[^']*'|"[^"]*"/g, "").split(" -- ")[0] ?? "";
      return command === "" ? [] : [{ line, command, flags: bare.match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [] }];
    });
}

function hasFlag(text: string, flag: string): boolean {
  return new RegExp(`(?<![\\w-])${flag}(?![\\w-])`).test(text);
}

function helpOf(...command: readonly string[]): string {
  const words = [join(repo, "bin", "qtasks.js"), ...command, "--help"];
  const { stdout, status } = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 30_000 });
  if (status !== 0) throw new Error(`qtasks ${command.join(" ")} --help ended with ${status}`);
  return stdout;
}
