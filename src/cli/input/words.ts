import { Argument, Command, CommanderError, Option } from "commander";
import type { TaskFacts } from "../../core/facts.js";
import type { CallFlags } from "../callFlags.js";
import { toUsageError, UsageError } from "../usage.js";
import { describeFlag, type FieldFlag, showFlag } from "./flags.js";
import type { Given } from "./object.js";
import { showParam } from "./params.js";
import { inputOf, type TaskInput } from "./taskInput.js";
import { fieldValue } from "./value.js";

/** A command line with `call` or `run`, as the first reading leaves it. */
export interface CommandLine {
  readonly command: Command;
  /** all words before `--` */
  readonly words: readonly string[];
  /** those after it */
  readonly literal: readonly string[];
}

/** The words of `call` or `run`, understood with the flags of the task that they name. */
export interface TaskWords {
  /** those of the command itself */
  readonly flags: CallFlags;
  /** what is neither a flag nor the value of one */
  readonly words: readonly string[];
  /** after `--` */
  readonly literal: readonly string[];
  /** what flags said about the task's input */
  readonly given: readonly Given[];
  readonly input: TaskInput | undefined;
  /** the task's help */
  help(): string;
}

/**
 * The task's name, as the first reading found it.
 * @returns undefined when none was given
 * @throws {UsageError} for a flag before it that is not known: whose it is, the name would tell
 */
export function taskNameIn(line: CommandLine): string | undefined {
  const [first] = line.command.args;
  if (first === undefined || !/^-./.test(first)) return first;
  try {
    readWords(line, undefined);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message, `A task's own flags follow its name. ${error.hint}`);
  }
  return undefined;
}

/**
 * Reads the whole command line again, by the flags of qtasks and those of the task at once.
 * @throws {UsageError} for a flag that is neither's, or lacks its value
 */
export function readWords(line: CommandLine, task: TaskFacts | undefined): TaskWords {
  const { command, literal } = line;
  const program = command.parent as Command;
  const name = ["qtasks", command.name(), ...(task === undefined ? [] : [task.name])].join(" ");
  const reader = new Command(name).copyInheritedSettings(command).helpOption(false).allowExcessArguments();
  const own = [...command.options, ...program.options];
  const input = inputOf(
    task,
    own.flatMap(({ long }) => long ?? []),
  );
  const spoken = new SpokenFields(reader, input?.flags ?? []);
  reader.optionsGroup("Options:");
  for (const option of command.options) reader.addOption(option);
  reader.optionsGroup("For every command:");
  for (const option of program.options) reader.addOption(option);
  if (task !== undefined) explain(reader, task, input);
  try {
    reader.parse([...line.words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw spoken.refusal(error) ?? toUsageError(error, `${name} --help`);
  }
  refuseMisread(program, reader);
  return {
    flags: reader.opts(),
    words: reader.args.slice(2),
    literal,
    given: spoken.given,
    input,
    help: () => reader.helpInformation().trimEnd(),
  };
}

/** Hears what the flags of fields are given. */
class SpokenFields {
  readonly #values = new Map<FieldFlag, unknown>();
  readonly #flags: readonly FieldFlag[];

  constructor(reader: Command, flags: readonly FieldFlag[]) {
    this.#flags = flags;
    reader.optionsGroup("Input:");
    for (const one of flags) this.#listen(reader, one);
  }

  get given(): readonly Given[] {
    return [...this.#values].map(([{ field, flag }, value]) => ({ path: field.path, value, as: flag ?? "" }));
  }

  /** For `--gift=false`, where `--no-gift` says that. */
  refusal({ message }: CommanderError): UsageError | undefined {
    const [, given] = /unknown option '(--[^=]+)=/.exec(message) ?? [];
    const one = this.#flags.find(({ flag, negative }) => negative !== undefined && given === flag);
    return one && new UsageError(`${one.flag} takes no value.`, `Give ${one.flag} or ${one.negative}.`);
  }

  #listen(reader: Command, one: FieldFlag): void {
    const { field, flag, negative } = one;
    if (flag === undefined) return;
    const description = describeFlag(one);
    if (negative === undefined) {
      reader.addOption(new Option(showFlag(one), description));
      reader.on(`option:${flag.slice(2)}`, (text: string) => this.#take(one, fieldValue(field, text)));
      return;
    }
    reader.addOption(new Option(flag, description));
    reader.on(`option:${flag.slice(2)}`, () => this.#take(one, true));
    reader.addOption(new Option(negative).hideHelp());
    reader.on(`option:${negative.slice(2)}`, () => this.#take(one, false));
  }

  #take(one: FieldFlag, value: unknown): void {
    const before = this.#values.get(one);
    this.#values.set(one, !one.field.isList ? value : Array.isArray(before) ? [...before, value] : [value]);
  }
}

/** What the first reading took for one of our flags, and was a field's value: the project may be another than was meant. */
function refuseMisread(program: Command, reader: Command): void {
  const misread = program.options.find((option) => {
    const name = option.attributeName();
    return program.getOptionValue(name) !== reader.getOptionValue(name);
  });
  if (misread === undefined) return;
  throw new UsageError(
    `${misread.long} stands where a value is expected.`,
    `Join them if it is the value: --flag=${misread.long}.`,
  );
}

function explain(reader: Command, task: TaskFacts, input: TaskInput | undefined): void {
  const params = input === undefined ? (task.params ?? []) : [];
  const unflagged = (input?.flags ?? []).filter(({ flag }) => flag === undefined);
  for (const param of params)
    reader.addArgument(
      new Argument(`[${showParam(param).slice(1, -1)}]`, param.required ? "required" : "optional"),
    );
  for (const one of unflagged)
    reader.addArgument(new Argument(`[${showFlag(one)}]`, describeFlag(one) || "optional"));
  const required = (input?.flags ?? []).filter(({ field }) => field.isRequired).map(showFlag);
  reader.usage([...params.map(showParam), ...required, "[options]"].join(" "));
  reader.description([task.description ?? "", inputNote(input)].filter((text) => text !== "").join("\n\n"));
  const terms = new Map((input?.flags ?? []).map((one) => [one.flag, showFlag(one)]));
  reader.configureHelp({ optionTerm: ({ flags, long }) => terms.get(long) ?? flags });
}

/** Says how to give what has no flags. */
function inputNote(input: TaskInput | undefined): string {
  if (input === undefined || input.flags.length > 0) return "";
  const why = input.hasShape
    ? "Its fields are no flags"
    : input.vendor === "valibot"
      ? "Its fields are flags once @valibot/to-json-schema is installed"
      : `Its schema (${input.vendor}) does not say which fields it has`;
  return `It takes one object: key=text, key:=json, or --args '[{…}]'. ${why}.`;
}
