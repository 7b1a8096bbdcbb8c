import { setTimeout as pause } from "node:timers/promises";
import { Bell } from "./bell.js";
import { EXIT } from "./exit.js";
import { interruptible } from "./interrupt.js";
import type { Session } from "./session.js";
import { Screen } from "./ui/screen.js";

/** One look at something that changes. */
export interface Look {
  /** for people */
  readonly text: string;
  /** for programs: each is told when it is new, or its `state` is another than before */
  readonly items: readonly { readonly key: string; readonly state: unknown; readonly value: unknown }[];
  /** nothing more will change */
  readonly isOver: boolean;
}

/** Ages and progress change without a ring of the broker's bell. */
const EVERY_MS = 1000;
/** A busy queue rings all the time. */
const NOT_BEFORE_MS = 200;

/** Looks again and again until it is over or a signal comes: drawn in place on a terminal, else one JSON object a line. */
export async function lookAgain(session: Session, look: () => Promise<Look>): Promise<number> {
  const { stage, app } = session;
  await app.open();
  const bell = new Bell();
  const unsubscribe = await app.broker.subscribe({ queued: bell.ring, settled: bell.ring });
  const present = stage.json || !stage.canRedraw ? lines(session) : screen(session, bell);
  try {
    return await interruptible(
      () => {},
      async () => {
        for (;;) {
          const seen = await look();
          present.show(seen);
          if (seen.isOver) return EXIT.ok;
          await pause(NOT_BEFORE_MS);
          await bell.within(EVERY_MS - NOT_BEFORE_MS);
        }
      },
    );
  } finally {
    unsubscribe();
    present.close();
  }
}

interface Presenter {
  show(look: Look): void;
  close(): void;
}

function screen({ stage }: Session, bell: Bell): Presenter {
  const drawn = new Screen(stage);
  process.stdout.on("resize", bell.ring);
  return {
    show: ({ text }) => drawn.show(text),
    close: () => {
      process.stdout.off("resize", bell.ring);
      drawn.close();
    },
  };
}

function lines({ stage }: Session): Presenter {
  const told = new Map<string, string>();
  return {
    show({ items }) {
      for (const { key, state, value } of items) {
        const now = JSON.stringify(state);
        if (told.get(key) === now) continue;
        told.set(key, now);
        stage.document(value);
      }
    },
    close: () => {},
  };
}
