import { Chalk, type ChalkInstance, type ColorSupportLevel } from "chalk";
import type { OwnStreams } from "./streams.js";
import { escapeControls, escapeInJson } from "./ui/escape.js";

export interface StageOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: "always" | "never" | "auto";
}

/** Where a command speaks: stdout is the answer, stderr everything else. */
export class Stage {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly outPaint: ChalkInstance;
  readonly errPaint: ChalkInstance;
  readonly #streams: OwnStreams;
  /** takes a spinner off the screen for the time of a write */
  #aside: (write: () => void) => void = (write) => write();
  /** what this turn has to say, in order */
  #unwritten: { readonly stream: keyof OwnStreams; text: string }[] = [];

  constructor(options: StageOptions, streams: OwnStreams) {
    this.json = options.json;
    this.quiet = options.quiet;
    this.verbose = options.verbose;
    this.outPaint = new Chalk({ level: colorLevel(options.color, process.stdout) });
    this.errPaint = new Chalk({ level: colorLevel(options.color, process.stderr) });
    this.#streams = streams;
    process.on("exit", () => this.#writeAll());
  }

  get outIsTerminal(): boolean {
    return process.stdout.isTTY === true;
  }

  /** Somebody is looking and may be shown things that move. */
  get isInteractive(): boolean {
    const columns = process.stderr.columns ?? 0;
    return (
      process.stderr.isTTY === true &&
      columns > 0 &&
      !process.env.CI &&
      process.env.TERM !== "dumb" &&
      !this.json &&
      !this.quiet
    );
  }

  /** The width to fit in; undefined off a terminal, where nothing is cut. */
  get outWidth(): number | undefined {
    return this.outIsTerminal && process.stdout.columns > 0 ? process.stdout.columns : undefined;
  }

  /** The height to fit in; undefined off a terminal. */
  get outHeight(): number | undefined {
    return this.outIsTerminal && process.stdout.rows > 0 ? process.stdout.rows : undefined;
  }

  /** stdout can be drawn over. */
  get canRedraw(): boolean {
    return (
      this.outWidth !== undefined &&
      this.outHeight !== undefined &&
      !process.env.CI &&
      process.env.TERM !== "dumb"
    );
  }

  /** Moves what is on the terminal: only where `canRedraw`. Text of a task must have been escaped. */
  draw(codes: string): void {
    this.#write("out", codes);
  }

  /** The answer, or a line of it. Off a terminal what a task gave is passed on as it is. */
  answer(text: string): void {
    this.#write("out", `${text}\n`);
  }

  /** The answer of `--json`: one document. */
  document(value: unknown): void {
    const text = JSON.stringify(value);
    this.answer(this.outIsTerminal ? escapeInJson(text) : text);
  }

  /** A result: text as it is, anything else as JSON; made safe where a person reads it. */
  result(text: string): void {
    this.answer(this.outIsTerminal ? escapeControls(text) : text);
  }

  /** For whoever watches; not with `--quiet`. */
  say(text: string): void {
    if (!this.quiet) this.err(text);
  }

  hint(text: string): void {
    this.say(`${this.errPaint.dim("hint:")} ${escapeControls(text)}`);
  }

  warn(text: string): void {
    this.err(`${this.errPaint.yellow("warning:")} ${indentRest(escapeControls(text))}`);
  }

  error(message: string, hint: string | undefined): void {
    this.err(`${this.errPaint.red("error:")} ${indentRest(escapeControls(message))}`);
    if (hint !== undefined) this.err(`${this.errPaint.dim("hint:")} ${indentRest(escapeControls(hint))}`);
  }

  /** One line on stderr, whatever the options. Text of a task must have been escaped. */
  err(text: string): void {
    this.#write("err", `${text}\n`);
  }

  /** From now on every write is made inside this. */
  setAside(aside: (write: () => void) => void): void {
    this.#writeAll();
    this.#aside = aside;
  }

  /** With the other lines of this turn: a busy worker has hundreds, and each write costs more than its task. */
  #write(stream: keyof OwnStreams, text: string): void {
    if (this.#unwritten.length === 0) process.nextTick(() => this.#writeAll());
    const last = this.#unwritten.at(-1);
    if (last?.stream === stream) last.text += text;
    else this.#unwritten.push({ stream, text });
  }

  #writeAll(): void {
    const unwritten = this.#unwritten;
    if (unwritten.length === 0) return;
    this.#unwritten = [];
    this.#aside(() => {
      for (const { stream, text } of unwritten) this.#streams[stream](text);
    });
  }
}

/** Lines after the first are set in, so that a task's message cannot pass for a line of ours. */
function indentRest(text: string): string {
  return text.replace(/\n(?! )/g, "\n  ");
}

/** `--color` > `NO_COLOR` > `FORCE_COLOR` > the stream's own terminal, for each stream apart. */
function colorLevel(choice: StageOptions["color"], stream: NodeJS.WriteStream): ColorSupportLevel {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (choice !== "auto") return choice === "always" ? 1 : 0;
  if (NO_COLOR) return 0;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR === "0" || FORCE_COLOR === "false" ? 0 : 1;
  return stream.isTTY === true && TERM !== "dumb" ? 1 : 0;
}
