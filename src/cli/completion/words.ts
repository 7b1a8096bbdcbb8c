import type { Command, Option } from "commander";
import { STATUSES } from "../../core/status.js";
import { LOG_LEVELS } from "../ui/taskLines.js";

/** What may stand in a place: words from a list, or what only the project or the file system knows. */
export type Candidates = readonly string[] | "tasks" | "ids" | "files" | "nothing";

export interface FlagWords {
  /** `--json`, and `-q` where there is one */
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  /** undefined for a flag without a value */
  readonly value: Candidates | undefined;
  readonly isRepeatable: boolean;
}

export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagWords[];
  /** of its first argument */
  readonly argument: Candidates;
  /** whether the arguments after it are of the same kind */
  readonly isList: boolean;
}

/** Everything of the command line that can be completed, as it was declared. */
export interface CommandLineWords {
  readonly flags: readonly FlagWords[];
  readonly commands: readonly CommandWords[];
}

export function wordsOf(program: Command): CommandLineWords {
  return {
    flags: [...program.options.map(flagWords), HELP],
    commands: program.commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      // `call` and `run` have a --help of their own.
      flags: [...command.options.filter(({ long }) => long !== HELP.long).map(flagWords), HELP],
      ...argumentWords(command),
    })),
  };
}

const HELP: FlagWords = {
  long: "--help",
  short: "-h",
  description: "print help",
  value: undefined,
  isRepeatable: false,
};

/** Values by the name of the flag, where its declaration has no choices. */
const VALUES: Readonly<Record<string, Candidates>> = {
  "--config": "files",
  "--batch": "files",
  "--tasks": "files",
  "--task": "tasks",
  "--only": "tasks",
  "--status": STATUSES,
  "--isolation": ["process", "inline"],
  "--log-level": LOG_LEVELS,
  "--log-format": ["pretty", "json"],
};

function flagWords(option: Option): FlagWords {
  const { long = "", short, description, argChoices } = option;
  const takesValue = option.required || option.optional;
  return {
    long,
    short,
    description,
    value: takesValue ? (argChoices ?? VALUES[long] ?? "nothing") : undefined,
    isRepeatable: description.includes("(repeatable)"),
  };
}

/** Arguments by the name that they are declared with. */
const ARGUMENTS: Readonly<Record<string, Candidates>> = { name: "tasks", id: "ids", ids: "ids" };

function argumentWords(command: Command): Pick<CommandWords, "argument" | "isList"> {
  const [first] = command.registeredArguments;
  if (first === undefined) return { argument: "nothing", isList: false };
  return { argument: first.argChoices ?? ARGUMENTS[first.name()] ?? "nothing", isList: first.variadic };
}

/** `--tag` of one command takes a value as that of another does: the flags of all, each once. */
export function allFlags({ flags, commands }: CommandLineWords): readonly FlagWords[] {
  const byName = new Map([...flags, ...commands.flatMap((command) => command.flags)].map((f) => [f.long, f]));
  return [...byName.values()];
}
