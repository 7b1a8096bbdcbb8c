import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, test, vi } from "vitest";
import { QueueTasks } from "../../dist/index.js";
import { isOnServer, queueUnderTest } from "../brokers/underTest.js";

const REPO = fileURLToPath(new URL("../..", import.meta.url));
const BIN = join(REPO, "bin", "qtasks.js");

/** What the command inherits: nothing that the machine of the tests may have set. */
const ENVIRONMENT = {
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "",
  TMPDIR: tmpdir(),
  // A slow machine is no hanging module.
  QTASKS_LOAD_TIMEOUT: "60",
};

/** For tests of what is the same wherever tasks run: child processes take their time. */
export const INLINE = { QTASKS_ISOLATION: "inline" };

/** A module for tasks that are to run until the test says so: `begin(key)` tells it, `go(key)` lets it end. */
const GATE = `
import { existsSync, writeFileSync } from "node:fs";
import { currentTask } from "qtasks";
export async function gate(key) {
  writeFileSync(key + ".began", "");
  while (!existsSync(key + ".go")) await currentTask().sleep(0.01);
}
`;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface How {
  /** relative to the project */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** without it, stdin is empty */
  readonly stdin?: string;
}

// Several processes a test, and several tests at once: the limit only ends what hangs, on a busy machine too.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const projects: Project[] = [];

afterAll(async () => {
  await Promise.all(projects.map((project) => project.remove()));
});

/**
 * A project in a temporary folder, and the built command in it, as users call it: in processes of their own. It is
 * gone at the end of the test file, with whatever still runs in it.
 */
export class Project {
  readonly root: string;
  readonly #running = new Set<Running>();
  readonly #queue = queueUnderTest();
  readonly #env: Readonly<Record<string, string>>;

  /**
   * @param files by their paths; a line end at the beginning of a text does not count
   * @param env for every command in it
   */
  constructor(files: Readonly<Record<string, string>> = {}, env: Readonly<Record<string, string>> = {}) {
    this.#env = { ...this.#queue, ...env };
    this.root = mkdtempSync(join(tmpdir(), "qtasks-cli-"));
    this.write("node_modules/.keep");
    symlinkSync(REPO, this.path("node_modules/qtasks"));
    this.write("gate.mjs", GATE);
    for (const [file, text] of Object.entries(files)) this.write(file, text);
    projects.push(this);
  }

  path(file: string): string {
    return join(this.root, file);
  }

  /** the URL of its queue's broker */
  get broker(): string {
    return this.#queue?.QTASKS_BROKER ?? `sqlite:${this.path(".qtasks/queue.db")}`;
  }

  write(file: string, text = ""): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text.replace(/^\n/, ""));
  }

  delete(file: string): void {
    rmSync(this.path(file));
  }

  read(file: string): string {
    return readFileSync(this.path(file), "utf8");
  }

  /** Runs the command to its end. */
  async qtasks(words: readonly string[], how: How = {}): Promise<Ended> {
    return await this.start(words, how).ended;
  }

  /** The answer of a command that prints one JSON document, whatever its exit code. */
  async json<T>(words: readonly string[], how: How = {}): Promise<T> {
    const { stdout, stderr } = await this.qtasks(["--json", ...words], how);
    try {
      return JSON.parse(stdout) as T;
    } catch {
      throw new Error(`no JSON document on stdout: ${JSON.stringify(stdout)}; stderr: ${stderr}`);
    }
  }

  /** Queues a task and gives its uuid. */
  async call(words: readonly string[], how: How = {}): Promise<string> {
    const { stdout, stderr } = await this.qtasks(["call", "--quiet", ...words], how);
    if (!UUID.test(stdout.trim())) throw new Error(`nothing was queued: ${stderr}`);
    return stdout.trim();
  }

  /** The same; where there are no flags, without the time that a command takes to start, and not to be `@last`. */
  async put(words: readonly string[]): Promise<string> {
    if (words.some((word) => /^--|=/.test(word))) return await this.call(words);
    const [taskName = "", ...args] = words;
    const [uuid = ""] = await this.queue([taskName, ...args.map(jsonOrText)]);
    return uuid;
  }

  /** What `status ID --json` shows, without starting a command. */
  async record(uuid: string): Promise<unknown> {
    const app = this.#app();
    try {
      return JSON.parse(JSON.stringify(await app.get(uuid)));
    } finally {
      await app.close();
    }
  }

  /** Queues as a program of the project's own does, all at once and without the time that a command takes to start. */
  async queue(
    ...calls: readonly (readonly [taskName: string, ...args: unknown[]])[]
  ): Promise<readonly string[]> {
    const app = this.#app();
    try {
      const tasks = await app.addTasks(calls.map(([taskName, ...args]) => ({ taskName, args, options: {} })));
      return tasks.map(({ uuid }) => uuid);
    } finally {
      await app.close();
    }
  }

  start(words: readonly string[], how: How = {}): Running {
    return this.startCommand(process.execPath, [BIN, ...words], how);
  }

  /** A worker that does not start more processes than a test needs; resolves once it claims. */
  async startWorker(words: readonly string[] = [], how: How = {}): Promise<Running> {
    const worker = this.start(["worker", "--processes", "1", ...words], how);
    await worker.says(/concurrency \d+/);
    return worker;
  }

  /** Works until nothing is due, and tells how that ended. */
  async burst(words: readonly string[] = [], how: How = {}): Promise<Ended> {
    return await this.qtasks(["worker", "--processes", "1", "--burst", ...words], how);
  }

  /** A line for a shell; `qtasks` is the command. */
  startShell(line: string, how: How = {}): Running {
    return this.startCommand(
      "/bin/bash",
      ["-c", `qtasks() { "${process.execPath}" "${BIN}" "$@"; }; ${line}`],
      how,
    );
  }

  async shell(line: string, how: How = {}): Promise<Ended> {
    return await this.startShell(line, how).ended;
  }

  /** A line for a shell on a terminal of 100 columns, for stdout and stderr alike; both come back as stdout. */
  startOnTerminal(line: string, { env = {}, ...how }: Omit<How, "stdin"> = {}): Running {
    const script = `stty cols 100 rows 30; qtasks() { "${process.execPath}" "${BIN}" "$@"; }; ${line}`;
    const terminal = { TERM: "xterm", SHELL: "/bin/bash", ...env };
    return this.startCommand("script", ["-qec", script, "/dev/null"], { ...how, env: terminal }, true);
  }

  async onTerminal(line: string, how: Omit<How, "stdin"> = {}): Promise<Ended> {
    return await this.startOnTerminal(line, how).ended;
  }

  startCommand(command: string, args: readonly string[], how: How, keepStdin = false): Running {
    const child = spawn(command, args, {
      cwd: this.path(how.cwd ?? "."),
      env: { ...ENVIRONMENT, ...this.#env, ...how.env },
    });
    // A command that does not read its stdin may be gone before it is written.
    child.stdin.on("error", () => {});
    if (!keepStdin) child.stdin.end(how.stdin ?? "");
    const running = new Running(child, [command, ...args].join(" "));
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }

  /** Resolves once the file is there, as a task's word that it has come so far. */
  async appears(file: string): Promise<void> {
    while (!existsSync(this.path(file))) await sleep(10);
  }

  /** Lets the tasks go on that wait at this gate. */
  go(key: string): void {
    this.write(`${key}.go`);
  }

  async remove(): Promise<void> {
    const left = [...this.#running];
    for (const running of left) running.kill("SIGKILL");
    await Promise.all(left.map(({ ended }) => ended));
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #app(): QueueTasks {
    return new QueueTasks({ broker: this.broker, name: this.#queue?.QTASKS_NAME ?? "qtasks" });
  }
}

/** A command under way. */
export class Running {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #what: string;
  readonly #listeners = new Set<() => void>();
  #stdout = "";
  #stderr = "";
  #isOver = false;

  constructor(child: ChildProcess, what: string) {
    this.#child = child;
    this.#what = what;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#changed();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#changed();
    });
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        this.#isOver = true;
        this.#changed();
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  /** Resolves once stdout or stderr holds it; rejects when the command ends without. */
  async says(pattern: RegExp): Promise<void> {
    const hasSaid = () => pattern.test(this.#stdout) || pattern.test(this.#stderr);
    await new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!hasSaid() && !this.#isOver) return;
        this.#listeners.delete(check);
        if (hasSaid()) resolve();
        else
          reject(new Error(`${this.#what} ended without saying ${pattern}: ${this.#stdout}${this.#stderr}`));
      };
      this.#listeners.add(check);
      check();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Types on the terminal. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The lines that a worker's `--log-format json` printed. */
export function logLines(stdout: string): readonly LogLine[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LogLine);
}

export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly uuid?: string;
  readonly taskName?: string;
  readonly attempt?: number;
  readonly worker?: string;
}

/** What a command says that was refused: one `error:` and one `hint:`, and no stack. Throws when it is not so. */
export function complaintOf({ stderr }: Ended): { readonly error: string; readonly hint: string } {
  const lines = stderr.split("\n");
  const errors = lines.filter((line) => line.startsWith("error: "));
  const hints = lines.filter((line) => line.startsWith("hint: "));
  const frames = lines.filter((line) => /^\s+at /.test(line));
  const [error] = errors;
  const [hint] = hints;
  if (
    errors.length !== 1 ||
    hints.length !== 1 ||
    frames.length > 0 ||
    error === undefined ||
    hint === undefined
  )
    throw new Error(`not one error: and one hint: line without a stack: ${stderr}`);
  return { error: error.slice("error: ".length), hint: hint.slice("hint: ".length) };
}

/** For what is the same wherever tasks live, in files that are run on each broker. */
export const once = test.skipIf(isOnServer);

/** Linux's `script` gives a command a terminal; its counterparts elsewhere take other words. It is looked at once. */
export const hasTerminal = process.platform === "linux" && existsSync("/usr/bin/script") && !isOnServer;

function jsonOrText(word: string): unknown {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
}
