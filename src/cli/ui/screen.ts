import type { Stage } from "../stage.js";

/** Another screen, no cursor, and long lines are cut instead of wrapped. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** A text that is drawn again in place, on a screen of its own: what was in the terminal before comes back. */
export class Screen {
  readonly #stage: Stage;
  #last = "";

  constructor(stage: Stage) {
    this.#stage = stage;
    stage.draw(ENTER);
  }

  /** What does not fit the height is left out, and the last line says how much. */
  show(text: string): void {
    this.#last = text;
    const lines = fitHeight(text.split("\n"), this.#stage.outHeight ?? Number.POSITIVE_INFINITY);
    this.#stage.draw(`${HOME}${lines.map((line) => `${CLEAR_LINE}${line}`).join("\n")}${CLEAR_BELOW}`);
  }

  /** Gives the terminal back, with the last text on it. */
  close(): void {
    this.#stage.draw(LEAVE);
    if (this.#last !== "") this.#stage.answer(this.#last);
  }
}

function fitHeight(lines: readonly string[], height: number): readonly string[] {
  if (lines.length <= height) return lines;
  const shown = lines.slice(0, Math.max(0, height - 1));
  return [...shown, `… ${lines.length - shown.length} more lines`];
}
