import type { Finding } from "../../core/finding.js";
import { diagnoseProject } from "../../setup/diagnose.js";
import { EXIT } from "../exit.js";
import { type GlobalOptions, projectQuery } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeLine } from "../ui/escape.js";

/** Looks and tells, and changes nothing. */
export async function doctor(stage: Stage, options: GlobalOptions): Promise<number> {
  const findings: Finding[] = [];
  for await (const finding of diagnoseProject(projectQuery(options))) {
    findings.push(finding);
    if (!stage.json) stage.answer(line(stage, finding));
  }
  if (stage.json) stage.document(findings);
  return findings.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
}

const MARK_WIDTH = 6;
const CHECK_WIDTH = 13;

function line({ outPaint }: Stage, { check, ok, detail, hint }: Finding): string {
  const mark = ok ? outPaint.green("ok".padEnd(MARK_WIDTH)) : outPaint.red("FAIL".padEnd(MARK_WIDTH));
  const advice = hint === null ? "" : outPaint.dim(`  hint: ${escapeLine(hint)}`);
  return `${mark}${check.padEnd(CHECK_WIDTH)}${escapeLine(detail)}${advice}`;
}
