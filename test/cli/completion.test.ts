import { spawnSync } from "node:child_process";
import { chmodSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, Project } from "./project.js";

const BIN = fileURLToPath(new URL("../../bin/qtasks.js", import.meta.url));
const TASKS = `
import { app } from "qtasks";
app.task({ name: "mail:send", description: "Send a\\nletter" }, async () => 1);
app.task("report.daily", async () => 1);
console.log("a module that talks");
`;

/** How an interactive shell is started, and made ready. */
const SHELLS = [
  ["bash", "bash --norc --noprofile -i", `PS1='ready> '; eval "$(qtasks completion bash)"`],
  [
    "zsh",
    "zsh -f -i",
    `PS1='ready> '; autoload -U compinit; compinit -u -D; eval "$(qtasks completion zsh)"`,
  ],
  [
    "fish",
    "fish --no-config -i",
    "function fish_prompt; echo 'ready> '; end; set -g fish_autosuggestion_enabled 0; qtasks completion fish | source",
  ],
] as const;

function hasShell(shell: string): boolean {
  return spawnSync("/bin/sh", ["-c", `command -v ${shell}`]).status === 0;
}

describe.each(SHELLS)("completion in %s", (shell, start, prepare) => {
  const isHere = hasTerminal && hasShell(shell);
  if (!isHere)
    console.warn(`SKIPPED: completion in ${shell} is not tested, ${shell} or \`script\` is not here.`);

  /** What the shell would run once the line was typed, tabulators and all. */
  async function typed(project: Project, line: string): Promise<string> {
    const env = { PATH: `${project.path("bin")}:${process.env.PATH}`, TERM: "xterm", SHELL: "/bin/sh" };
    const terminal = project.startCommand(
      "script",
      ["-qec", `stty cols 200; ${start}`, "/dev/null"],
      { env },
      true,
    );
    terminal.type(`${prepare}; echo rea""dy to go\r`);
    await terminal.says(/^ready to go/m);
    terminal.type(`${line}\r`);
    await terminal.says(/GOT:(.*):END/);
    terminal.type("exit\r");
    const { stdout } = await terminal.ended;
    return /GOT:(.*):END/.exec(stdout)?.[1] ?? "";
  }

  function projectWithCommand(): Project {
    const project = new Project({ "tasks/all.mjs": TASKS });
    // What is asked for a completion is answered, and what would be run is shown.
    project.write(
      "bin/qtasks",
      `#!/bin/sh\ncase $1:$# in __complete:*|completion:2) exec ${process.execPath} ${BIN} "$@" ;; *) echo "GOT:$*:END" ;; esac\n`,
    );
    chmodSync(project.path("bin/qtasks"), 0o755);
    return project;
  }

  test.skipIf(!isHere)("completes commands and flags, with their choices", async () => {
    const project = projectWithCommand();
    expect(await typed(project, "qtasks wor\t--isol\tin\t")).toBe("worker --isolation inline");
    expect(await typed(project, "qtasks --color al\tstat\t")).toBe("--color always status");
    expect(await typed(project, "qtasks completion f\tnow")).toBe("completion fish now");
  });

  test.skipIf(!isHere)("completes names of tasks, and ids of those queued last", async () => {
    const project = projectWithCommand();
    expect(await typed(project, "qtasks call mail:s\t")).toBe("call mail:send");
    expect(await typed(project, "qtasks run rep\t")).toBe("run report.daily");
    expect(await typed(project, "qtasks worker --only m\t")).toBe("worker --only mail:send");
    const [uuid = ""] = await project.queue(["report.daily"]);
    expect(await typed(project, `qtasks cancel ${uuid.slice(0, 2)}\t`)).toBe(`cancel ${uuid}`);
    expect(await typed(project, "qtasks status @l\t")).toBe("status @last");
  });
});

describe.concurrent("what is asked for a completion", () => {
  const ask = async (project: Project, ...words: string[]) =>
    (await project.qtasks(["__complete", ...words])).stdout;

  test("is the tasks with their descriptions, a line each, whatever modules print", async () => {
    const project = new Project({ "tasks/all.mjs": TASKS });
    expect(await ask(project, "tasks")).toBe("mail:send\tSend a letter\nreport.daily\t\n");
    expect(await ask(project, "tasks", "zsh")).toBe("mail\\:send:Send a letter\nreport.daily:\n");
  });

  test("loads nothing again while nothing has changed, and follows every change", async () => {
    const project = new Project({
      "tasks/all.mjs": `${TASKS}\nimport { appendFileSync } from "node:fs"; appendFileSync("loads", "x");`,
    });
    await ask(project, "tasks");
    await ask(project, "tasks");
    expect(project.read("loads")).toBe("x");
    project.write("tasks/more.mjs", `import { app } from "qtasks"; app.task("more", async () => 1);`);
    expect(await ask(project, "tasks")).toContain("more");
    project.write("tasks/more.mjs", `import { app } from "qtasks"; app.task("other", async () => 1);`);
    const names = await ask(project, "tasks");
    expect(names).toContain("other");
    expect(names).not.toContain("more");
    project.write("tasks/more.mjs", "throw new Error('an edit under way');");
    expect(await ask(project, "tasks")).toBe(names);
  });

  test("follows a config that comes later", async () => {
    const project = new Project({ "tasks/all.mjs": TASKS });
    await ask(project, "tasks");
    project.write("jobs/one.mjs", `import { app } from "qtasks"; app.task("one", async () => 1);`);
    project.write("qtasks.config.json", '{ "tasks": "jobs" }');
    expect(await ask(project, "tasks")).toBe("one\t\n");
    expect(await (await project.qtasks(["__complete", "tasks"], { cwd: "jobs" })).stdout).toBe("one\t\n");
  });

  test("is the newest tasks, with name and status, and makes no queue to say that there are none", async () => {
    const project = new Project({ "tasks/all.mjs": TASKS });
    expect(await ask(project, "ids")).toBe("");
    expect(existsSync(project.path(".qtasks/queue.db"))).toBe(false);
    const [first, second] = await project.queue(["report.daily"], ["mail:send"]);
    expect(await ask(project, "ids")).toBe(`${second}\tmail:send new\n${first}\treport.daily new\n`);
  });

  test("is nothing, without a word, where there is no project or no answer", async () => {
    const project = new Project();
    for (const question of ["tasks", "ids", "weather"]) {
      const { code, stdout, stderr } = await project.qtasks(["__complete", question]);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
    }
  });

  test("is refused for a shell that is not known", async () => {
    const refused = await new Project().qtasks(["completion", "csh"]);
    expect(refused.code).toBe(2);
    expect(complaintOf(refused).error).toContain("csh");
  });
});
