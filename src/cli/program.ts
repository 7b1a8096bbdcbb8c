import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { GlobalOptions } from "./session.js";
import { Stage } from "./stage.js";
import type { OwnStreams } from "./streams.js";
import { toUsageError } from "./usage.js";
import { version } from "./version.js";

/** Resolves to the exit code. Commands import their code only when they run: start-up is what people wait for. */
type Action = (stage: Stage, command: Command) => Promise<number>;

/**
 * Parses a command line and runs its command.
 * @param literal the words after `--`, which are always positional
 * @throws {UsageError} when it is not understood
 */
export async function runProgram(
  words: readonly string[],
  literal: readonly string[],
  streams: OwnStreams,
): Promise<number> {
  let code = 0;
  const program = createProgram(streams, words, literal, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version have been printed.
    if (error.exitCode === 0) return 0;
    throw toUsageError(error);
  }
  return code;
}

function createProgram(
  streams: OwnStreams,
  words: readonly string[],
  literal: readonly string[],
  finish: (code: number) => void,
): Command {
  const program = new Command("qtasks")
    .description("The task runner and queue that needs nothing running.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .option("--config <file>", "the config file, instead of searching from here upward")
    .option("--broker <url>", "where the queue is, such as sqlite:.qtasks/queue.db")
    .option("--tasks <folder>", "where the task modules are")
    .option("--json", "print one JSON document on stdout")
    .option("-q, --quiet", "no hints and nothing that moves")
    .option("--verbose", "show stacks of errors")
    .addOption(
      new Option("--color <when>", "colour the output").choices(["always", "never", "auto"]).default("auto"),
    )
    .exitOverride()
    .configureOutput({ writeOut: streams.out, writeErr: () => {}, outputError: () => {} })
    .addHelpText("after", HELP_AFTER);
  const on = (action: Action) => {
    return async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      finish(await action(createStage(command.optsWithGlobals<GlobalOptions>(), streams), command));
    };
  };

  add(program, "list", "the registered tasks")
    .option("--tag <tag>", "only tasks with this tag (repeatable)", collect)
    .option("--names", "names only, one a line")
    .action(
      on(async (stage, command) =>
        (await import("./commands/list.js")).list(stage, command.optsWithGlobals()),
      ),
    );

  taskFlags(add(program, "call", "queue a task; with --timeout, wait for its result"))
    .option("-t, --timeout <duration>", "wait so long for the result (0 looks once)")
    .option("--batch <file>", "queue a task for each line of NDJSON (- for stdin)")
    .option("--allow-unknown", "queue it although no module here registers it")
    .action(
      on(async (stage, command) =>
        (await import("./commands/call.js")).call(stage, { command, words, literal }),
      ),
    );

  taskFlags(add(program, "run", "queue a task and work on it here until it is done")).action(
    on(async (stage, command) => (await import("./commands/run.js")).run(stage, { command, words, literal })),
  );

  add(program, "worker", "work on tasks until stopped")
    .option("-c, --concurrency <n>", "how many tasks at once")
    .option("--processes <n>", "how many child processes")
    .option("--isolation <kind>", "process or inline")
    .option("--name <name>", "shown in records and by `status`")
    .option("--only <names>", "claim only these tasks: a,b (repeatable)", collect)
    .option("--burst", "stop once nothing is due; exit 1 if a task failed")
    .option("--max-tasks <n>", "stop after so many runs")
    .option("--grace <duration>", "how long running tasks get at shutdown")
    .option("--watch", "load the code anew when it changes; what runs is finished with the old")
    .option("--log-level <level>", "debug, info, warn, error or silent", "info")
    .option("--log-format <format>", "pretty (stderr) or json (stdout)", "pretty")
    .action(
      on(async (stage, command) =>
        (await import("./commands/worker.js")).work(stage, command.optsWithGlobals()),
      ),
    );

  selection(add(program, "status", "counts, workers, and why nothing happens; with ids, whole records"))
    .argument("[ids...]", "ids, unique prefixes of uuids, @last, or - for stdin")
    .option("--limit <n>", "list the newest so many tasks (100 of a selection)")
    .option("-w, --watch", "look again and again; with ids, until all are done")
    .action(
      on(async (stage, command) =>
        (await import("./commands/status.js")).status(stage, command.args, command.optsWithGlobals()),
      ),
    );

  add(program, "wait", "wait until tasks are done")
    .argument("<ids...>", "ids, unique prefixes of uuids, @last, or - for stdin")
    .option("-t, --timeout <duration>", "wait at most so long")
    .option("--any", "until one is done")
    .action(
      on(async (stage, command) =>
        (await import("./commands/wait.js")).wait(stage, command.args, command.optsWithGlobals()),
      ),
    );

  add(program, "result", "print a task's stored result")
    .argument("<id>", "an id, a unique prefix of a uuid, or @last")
    .action(
      on(async (stage, command) => {
        const [id = ""] = command.args;
        return (await import("./commands/result.js")).result(stage, id, command.optsWithGlobals());
      }),
    );

  selection(add(program, "cancel", "cancel tasks that wait or run"))
    .argument("[ids...]", "ids, unique prefixes of uuids, @last, or - for stdin")
    .option("--reason <text>", "why; shown in the record")
    .option("--now", "leave what runs no grace: end its process at once")
    .option("--yes", "do not ask before cancelling a selection")
    .action(
      on(async (stage, command) =>
        (await import("./commands/cancel.js")).cancel(stage, command.args, command.optsWithGlobals()),
      ),
    );

  selection(add(program, "retry", "put finished tasks back in line"))
    .argument("[ids...]", "ids, unique prefixes of uuids, @last, or - for stdin")
    .action(
      on(async (stage, command) =>
        (await import("./commands/retry.js")).retry(stage, command.args, command.optsWithGlobals()),
      ),
    );

  add(program, "logs", "what a task printed and logged")
    .argument("<id>", "an id, a unique prefix of a uuid, or @last")
    .option("-f, --follow", "go on until the task is done")
    .option("--attempt <n>", "of this attempt only")
    .option("--tail <n>", "only the last so many")
    .action(
      on(async (stage, command) => {
        const [id = ""] = command.args;
        return (await import("./commands/logs.js")).logs(stage, id, command.optsWithGlobals());
      }),
    );

  add(program, "prune", "forget finished tasks")
    .option("--age <duration>", "finished longer ago")
    .option("--count <n>", "all but the newest so many")
    .option("--status <status>", "of this end status (repeatable)", collect)
    .action(
      on(async (stage, command) =>
        (await import("./commands/forget.js")).prune(stage, command.optsWithGlobals()),
      ),
    );

  add(program, "purge", "forget every task that waits")
    .option("--yes", "do not ask")
    .action(
      on(async (stage, command) =>
        (await import("./commands/forget.js")).purge(stage, command.optsWithGlobals()),
      ),
    );

  add(program, "move", "move what waits to another broker; goes on where it was cut off")
    .option("--to <url>", "the broker to move to, such as redis://HOST")
    .option("--finished", "also what has finished, with results and logs")
    .option("--back", "take back what a move that was cut off has under way")
    .option("--yes", "do not ask")
    .action(
      on(async (stage, command) =>
        (await import("./commands/move.js")).move(stage, command.optsWithGlobals()),
      ),
    );

  add(program, "init", "write a config and a first task; never overwrites").action(
    on(async (stage) => (await import("./commands/init.js")).init(stage)),
  );

  add(program, "doctor", "look for what is wrong; changes nothing, exit 1 if something is").action(
    on(async (stage, command) =>
      (await import("./commands/doctor.js")).doctor(stage, command.optsWithGlobals()),
    ),
  );

  add(program, "completion", "print a shell's completion script")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .action(
      on(async (stage, command) => {
        const [shell = ""] = command.args;
        return (await import("./commands/completion.js")).completion(stage, shell, program);
      }),
    );
  return program;
}

const HELP_AFTER = `
Exit codes: 0 done · 1 the task failed · 2 usage · 3 config or task module · 4 unknown task or id
            5 broker · 6 cancelled · 124 the wait ran out · 130, 143 interrupted`;

function add(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .helpOption("-h, --help", "print help")
    .copyInheritedSettings(program);
}

/** The task that is named brings flags of its own, which are known once it is loaded: `input/words.ts` reads again then. */
function taskFlags(command: Command): Command {
  return command
    .argument("[name]", "the task")
    .argument("[args...]", "its arguments: JSON or text; key=text and key:=json make one object")
    .allowUnknownOption()
    .helpOption(false)
    .option("-h, --help", "print help; after a task's name, with the flags of its input")
    .option("--priority <n>", "lower runs first")
    .option("--delay <duration>", "not before so much time has passed")
    .option("--at <time>", "not before this time (ISO 8601)")
    .option("--retry <n>", "extra attempts after the first")
    .option("--max-time <duration>", "limit of one attempt")
    .option("--unique <key>", "never queue a second task with this key")
    .option("--tag <tag>", "tag this call (repeatable)", collect)
    .option("--args <json>", "all arguments as a JSON array; @file or - for stdin")
    .option("--raw", "take all words as text");
}

function selection(command: Command): Command {
  return command
    .option("--status <status>", "instead of ids: tasks of this status (repeatable)", collect)
    .option("--task <name>", "instead of ids: tasks of this name")
    .option("--tag <tag>", "instead of ids: tasks with this tag")
    .option("--since <when>", "instead of ids: tasks queued within this time, or since then (ISO 8601)");
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  if (value === "") throw new InvalidArgumentError("It is empty.");
  return [...before, value];
}

function createStage(options: GlobalOptions, streams: OwnStreams): Stage {
  const { json = false, quiet = false, verbose = false, color = "auto" } = options;
  return new Stage({ json, quiet, verbose, color }, streams);
}
