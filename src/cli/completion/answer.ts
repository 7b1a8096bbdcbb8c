import { newestTasksOf } from "../../setup/newestTasks.js";
import { isFresh, recallOutline } from "../../setup/outline.js";

/** How many of the newest tasks are offered. */
const NEWEST = 12;

/**
 * What a shell asks at a press of the tabulator key: `tasks` or `ids`, one a line with its description. This is a way of
 * its own past the rest of the command line, because starting that takes longer than a key press may. It never fails,
 * for there is nobody to tell.
 */
export async function answer([question, form]: readonly string[]): Promise<void> {
  const write = process.stdout.write.bind(process.stdout);
  // What modules print while they are imported is for nobody.
  process.stdout.write = process.stderr.write = () => true;
  const found = await (ANSWERS[question ?? ""] ?? none)().catch(none);
  const line = form === "zsh" ? forZsh : withTabulator;
  write(found.map(line).join(""), () => process.exit(0));
}

const none = async (): Promise<readonly Offer[]> => [];
const ANSWERS: Readonly<Record<string, typeof none>> = { tasks: taskNames, ids: newestIds };

type Offer = readonly [value: string, description: string];

async function taskNames(): Promise<readonly Offer[]> {
  const known = recallOutline(process.cwd())?.tasks ?? undefined;
  if (known !== undefined && isFresh(known)) return known.names;
  try {
    const { loadOutline } = await import("../../setup/loadOutline.js");
    return (await loadOutline(process.cwd(), true)).tasks?.names ?? [];
  } catch {
    // An edit under way: the names from before are better than none.
    return known?.names ?? [];
  }
}

async function newestIds(): Promise<readonly Offer[]> {
  const { broker } = recallOutline(process.cwd()) ?? (await loadAnew());
  const tasks = await newestTasksOf(broker, NEWEST);
  return tasks.map(({ uuid, name, status }) => [uuid, `${name} ${status}`]);
}

async function loadAnew() {
  const { loadOutline } = await import("../../setup/loadOutline.js");
  return await loadOutline(process.cwd(), false);
}

function withTabulator([value, description]: Offer): string {
  return `${value}\t${oneLine(description)}\n`;
}

/** zsh takes what follows the first colon for the description. */
function forZsh([value, description]: Offer): string {
  return `${value.replaceAll(":", "\\:")}:${oneLine(description)}\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
