import { BrokerError } from "../../core/errors.js";

export type Value = string | number | null;

/** What both drivers share, as far as it is used here. */
export interface Statement {
  run(...values: Value[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint };
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
}

export interface Database {
  prepare(sql: string): Statement;
  exec(sql: string): void;
  close(): void;
}

export interface Driver {
  readonly name: string;
  readonly sqliteVersion: string;
  connect(path: string, options: { readonly readOnly: boolean }): Database;
}

/**
 * The platform's SQLite where it is sound, else the one of `@photostructure/sqlite`, which has the same API.
 * @throws {BrokerError} `E_BROKER` when neither can be trusted with a queue
 */
export async function loadDriver(): Promise<Driver> {
  const builtIn = builtInDriver();
  if (builtIn !== undefined && isSound(builtIn.sqliteVersion)) return builtIn;
  const packaged = await packagedDriver();
  if (isSound(packaged.sqliteVersion)) return packaged;
  throw unsound([builtIn, packaged].filter((driver) => driver !== undefined));
}

/**
 * SQLite before 3.51.3 has a race in the reset of its write-ahead log that corrupts files with several writers;
 * the cure was also put into 3.50.7 and 3.44.6.
 */
export function isSound(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  if (major !== 3) return major > 3;
  if (minor === 44) return patch >= 6;
  if (minor === 50) return patch >= 7;
  return minor > 51 || (minor === 51 && patch >= 3);
}

interface SqliteModule {
  readonly DatabaseSync: new (
    path: string,
    options: {
      readonly readOnly?: boolean;
      readonly timeout?: number;
      readonly enableForeignKeyConstraints?: boolean;
    },
  ) => Database;
}

function builtInDriver(): Driver | undefined {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 13)) return undefined;
  const module = withoutSqliteWarning(() => process.getBuiltinModule("node:sqlite"));
  return module === undefined ? undefined : driverOf("node:sqlite", module as SqliteModule);
}

async function packagedDriver(): Promise<Driver> {
  try {
    return driverOf("@photostructure/sqlite", await import("@photostructure/sqlite"));
  } catch (cause) {
    throw new BrokerError(
      "E_BROKER",
      `The package @photostructure/sqlite cannot be loaded: ${String(cause)}.`,
      {
        hint: "Install again with `npm install`, or use Node 24 or later, which brings an SQLite of its own.",
        cause,
      },
    );
  }
}

function driverOf(name: string, module: SqliteModule): Driver {
  const connect = (path: string, options: { readonly readOnly: boolean }) =>
    new module.DatabaseSync(path, {
      readOnly: options.readOnly,
      // Waiting for locks is done by lock.ts: SQLite's own way starves one of two busy writers.
      timeout: 0,
      enableForeignKeyConstraints: false,
    });
  return { name, sqliteVersion: versionOf(connect), connect };
}

function versionOf(connect: Driver["connect"]): string {
  const db = connect(":memory:", { readOnly: false });
  const { version } = db.prepare("SELECT sqlite_version() AS version").get() as { version: string };
  db.close();
  return version;
}

/** Only this one warning is kept back, and only while the module loads. */
function withoutSqliteWarning<T>(load: () => T): T {
  const emitWarning = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    const text = typeof warning === "string" ? warning : warning.message;
    if (text.startsWith("SQLite is an experimental feature")) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function unsound(drivers: readonly Driver[]): BrokerError {
  const found = drivers.map((driver) => `${driver.name} has SQLite ${driver.sqliteVersion}`).join(", ");
  return new BrokerError("E_BROKER", `No SQLite here can hold a queue safely: ${found}.`, {
    hint: "A version before 3.51.3 may corrupt files that several processes write: update Node or @photostructure/sqlite.",
  });
}
