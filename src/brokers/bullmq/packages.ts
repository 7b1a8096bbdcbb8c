import { createRequire } from "node:module";
import { BrokerError } from "../../core/errors.js";

/**
 * Looks whether packages are there that only some users have installed.
 * @throws {BrokerError} `E_BROKER` with the command that installs them
 */
export function requirePackages(names: readonly string[], broker: string): void {
  const { resolve } = createRequire(import.meta.url);
  const missing = names.filter((name) => {
    try {
      resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return;
  throw new BrokerError(
    "E_BROKER",
    `${broker} needs the package ${missing.join(" and ")}, not installed here.`,
    {
      hint: `npm install ${names.join(" ")}`,
    },
  );
}
