import type { Stage } from "../stage.js";
import { startSpinner } from "./spinner.js";

const CELLS = 24;

export interface ProgressBar {
  /** @param share of all, from 0 to 1 */
  show(what: string, share: number, note: string): void;
  stop(): void;
}

/** A bar on the terminal's last line. Nothing where nobody looks at a terminal. */
export async function startProgressBar(stage: Stage, text: string): Promise<ProgressBar> {
  const spinner = await startSpinner(stage, text);
  return {
    show: (what, share, note) => spinner.text(`${what} ${bar(share)} ${note}`),
    stop: () => spinner.stop(),
  };
}

function bar(share: number): string {
  const full = Math.round(CELLS * Math.min(1, share));
  return `${"█".repeat(full)}${"░".repeat(CELLS - full)} ${String(Math.floor(100 * share)).padStart(3)}%`;
}
