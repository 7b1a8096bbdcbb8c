import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";

const builtAtMs = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** `tsc` alone writes types: the JavaScript would be that of the source before, and tests of the command would show nothing. */
export default function bundleAgain(): void {
  if (builtAtMs("dist/quick/cli.cjs") < builtAtMs("dist/build.tsbuildinfo"))
    execFileSync(process.execPath, ["scripts/bundle.mjs"], { stdio: "inherit" });
}
