import type { Stage } from "../stage.js";

/** A line that shows that something goes on. Nothing where nobody looks at a terminal. */
export interface Spinner {
  text(text: string): void;
  stop(): void;
}

const SILENT: Spinner = { text: () => {}, stop: () => {} };

export async function startSpinner(stage: Stage, text: string): Promise<Spinner> {
  if (!stage.isInteractive) return SILENT;
  const { default: ora } = await import("ora");
  // Without discardStdin: false the terminal's Ctrl-C would not reach this process.
  const spinner = ora({ text, stream: process.stderr, discardStdin: false, hideCursor: true }).start();
  stage.setAside((write) => {
    spinner.clear();
    write();
    if (spinner.isSpinning) spinner.render();
  });
  return {
    text: (next) => {
      spinner.text = next;
    },
    stop: () => {
      spinner.stop();
      stage.setAside((write) => write());
    },
  };
}
