import { AutocompletePrompt } from "@clack/core";
import { onSignals } from "../interrupt.js";
import type { Stage } from "../stage.js";
import { escapeLine } from "./escape.js";
import { cutTo } from "./table.js";

export interface Choice {
  readonly value: string;
  readonly hint: string;
}

/** What was chosen, or the signal with which whoever was asked left: Esc and Ctrl-C are `SIGINT`. */
export type Chosen =
  | { readonly value: string; readonly signal?: undefined }
  | { readonly value?: undefined; readonly signal: string };

const KEYS = "type to search, ↑ ↓ to move, Enter to choose, Esc to leave";
const MOST_LINES = 12;
/** lines of the terminal that are not choices: the question, the keys, and one for the shell */
const OTHER_LINES = 3;

/** Offers a list on the terminal that narrows as one types. */
export async function choose(stage: Stage, question: string, choices: readonly Choice[]): Promise<Chosen> {
  const leaving = new AbortController();
  let signal = "SIGINT";
  const stopListening = onSignals((name) => {
    signal = name;
    leaving.abort();
  });
  const prompt = new AutocompletePrompt<Choice>({
    options: [...choices],
    filter: (typed, choice) => fits(typed, choice),
    validate: (value) => (value === undefined ? "Nothing fits: take some of it back." : undefined),
    output: process.stderr,
    signal: leaving.signal,
    render() {
      return draw(stage, question, this);
    },
  });
  // Ctrl-D is the end of what is typed: no answer would come.
  prompt.on("key", (_, { ctrl, name }) => {
    if (ctrl === true && name === "d") leaving.abort();
  });
  try {
    const answer = await prompt.prompt();
    return typeof answer === "string" ? { value: answer } : { signal };
  } finally {
    stopListening();
  }
}

/** Every word that was typed is somewhere in it. */
function fits(typed: string, { value, hint }: Choice): boolean {
  const text = `${value} ${hint}`.toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

type View = Pick<
  AutocompletePrompt<Choice>,
  "state" | "userInput" | "focusedValue" | "filteredOptions" | "cursor" | "error"
>;

function draw(stage: Stage, question: string, view: View): string {
  const { bold, cyan, dim, inverse } = stage.errPaint;
  const { state, userInput, focusedValue, filteredOptions, cursor, error } = view;
  if (state === "cancel") return question;
  if (state === "submit") return `${question} ${bold(escapeLine(String(focusedValue)))}`;
  const room = process.stderr.columns - 1;
  const lines = inView(filteredOptions, cursor).map(({ value, hint }) => {
    const isFocused = value === focusedValue;
    const name = cutTo(`${isFocused ? "❯" : " "} ${escapeLine(value)}`, room);
    const rest = cutTo(`${name}  ${escapeLine(hint)}`, room).slice(name.length);
    return `${isFocused ? cyan(name) : name}${dim(rest)}`;
  });
  const note = state === "error" ? error : KEYS;
  return [`${question} ${escapeLine(userInput)}${inverse(" ")}`, ...lines, dim(cutTo(note, room))].join("\n");
}

/** As many as the terminal has room for, around the one in focus. */
function inView(choices: readonly Choice[], cursor: number): readonly Choice[] {
  const room = Math.max(1, Math.min(MOST_LINES, (process.stderr.rows ?? MOST_LINES) - OTHER_LINES));
  const from = Math.max(0, Math.min(cursor - Math.floor(room / 2), choices.length - room));
  return choices.slice(from, from + room);
}
