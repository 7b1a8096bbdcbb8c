import { BrokerError } from "../../core/errors.js";

/**
 * Imports a package that only some users have installed.
 * @throws {BrokerError} `E_BROKER` with the command that installs it
 */
export async function optionalPackage<T>(
  names: readonly string[],
  broker: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new BrokerError(
      "E_BROKER",
      `${broker} needs the packages ${names.join(" and ")}: ${firstLine(error)}`,
      {
        hint: `Install them: npm install ${names.join(" ")}`,
        cause: error,
      },
    );
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0] ?? "";
}
