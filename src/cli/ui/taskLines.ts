import type { EventMap, EventName } from "../../ports/plugin.js";
import type { Stage } from "../stage.js";
import { escapeControls, escapeLine } from "./escape.js";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a worker writes, and how. */
export interface LogChoice {
  readonly level: LogLevel;
  readonly format: "pretty" | "json";
}

/** The events that a worker writes a line for, and how important each is. */
export const LOGGED: Readonly<Partial<Record<EventName, LogLevel>>> = {
  taskRunning: "info",
  taskStopping: "warn",
  taskSuccess: "info",
  taskError: "error",
  taskCancel: "warn",
  taskRetry: "warn",
  taskInterrupted: "warn",
  taskProgress: "debug",
  taskOutput: "info",
  workerStopping: "info",
};

export function isLogged(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}

/** A line for people, on stderr. */
export function prettyLine<Name extends EventName>(
  stage: Stage,
  name: Name,
  event: EventMap[Name],
  time: Date,
): string {
  const paint = stage.errPaint;
  const at = paint.dim(timeOfDay(time));
  if (!("uuid" in event)) return `${at} ${name}`;
  const who = `${escapeLine(event.taskName)} ${paint.dim(escapeLine(event.uuid))}`;
  return `${at} ${sign(stage, name)} ${who}${detail(name, event)}`;
}

/** A busy worker writes thousands of lines in a second: its text is made once. */
function timeOfDay(time: Date): string {
  const second = Math.floor(time.getTime() / 1000);
  if (latest.second !== second) latest = { second, text: time.toTimeString().slice(0, 8) };
  return latest.text;
}

let latest = { second: Number.NaN, text: "" };

/** One object, for programs. */
export function jsonLine<Name extends EventName>(
  name: Name,
  event: EventMap[Name],
  level: LogLevel,
  time: Date,
): string {
  return JSON.stringify({ time: time.toISOString(), level, event: name, ...event });
}

function sign(stage: Stage, name: EventName): string {
  const paint = stage.errPaint;
  switch (name) {
    case "taskSuccess":
      return paint.green("✔");
    case "taskError":
      return paint.red("✘");
    case "taskCancel":
      return paint.yellow("⊘");
    case "taskRetry":
    case "taskInterrupted":
      return paint.yellow("↻");
    case "taskStopping":
      return paint.yellow("■");
    case "taskOutput":
    case "taskProgress":
      return paint.dim("│");
    default:
      return paint.cyan("▶");
  }
}

function detail(name: EventName, event: object): string {
  const facts = event as {
    attempt?: number;
    seconds?: number;
    reason?: string;
    error?: { message: string };
    runAt?: Date;
  };
  const parts: string[] = [];
  if ((facts.attempt ?? 1) > 1) parts.push(`attempt ${facts.attempt}`);
  if (facts.seconds !== undefined) parts.push(duration(facts.seconds));
  if (facts.error !== undefined) parts.push(escapeLine(facts.error.message));
  if (facts.reason !== undefined) parts.push(escapeLine(facts.reason));
  if (facts.runAt !== undefined) parts.push(`again at ${facts.runAt.toISOString()}`);
  if (name === "taskOutput") return ` ${escapeControls((event as EventMap["taskOutput"]).text)}`;
  if (name === "taskProgress") return ` ${progressText(event as EventMap["taskProgress"])}`;
  if (name === "taskInterrupted") parts.push("interrupted, back in line");
  return parts.length === 0 ? "" : `  ${parts.join("  ")}`;
}

export function progressText({
  done,
  total,
  message,
}: Pick<EventMap["taskProgress"], "done" | "total" | "message">): string {
  const share = total === null ? String(done) : `${done}/${total}`;
  return message === null ? share : `${share} ${escapeLine(message)}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  return seconds < 60 ? `${seconds.toFixed(1)}s` : `${Math.floor(seconds / 60)}m${Math.round(seconds % 60)}s`;
}
