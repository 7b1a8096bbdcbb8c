import { BrokerError } from "../../../core/errors.js";

/** Makes anything that node-postgres, PostgreSQL or BullMQ threw a `BrokerError`; one that is one already stays itself. */
export function toBrokerError(error: unknown, name: string): BrokerError {
  if (error instanceof BrokerError) return error;
  const detail = detailOf(error);
  const state = signOf(error, detail);
  const { code, what, hint } =
    EXPLANATIONS.find(({ sign }) => sign.test(state)) ?? (isLoss(state, detail) ? UNREACHABLE : OTHER);
  return new BrokerError(code, `${what} (${name}): ${detail}`, { hint, cause: error });
}

/** True when the server gave up one of two changes that waited for each other: the same may succeed now. */
export function isDeadlock(error: unknown): boolean {
  return /^40(P01|001)$/.test(sqlState(error));
}

/** True when a task with this id is stored already. */
export function isDuplicate(error: unknown): boolean {
  return sqlState(error) === "23505";
}

/** An SQLSTATE, a code of the system, or a word of ours for what has none that tells. */
function signOf(error: unknown, detail: string): string {
  const state = sqlState(error);
  if (state === "28000" && /no encryption|SSL off/.test(detail)) return "PLAIN";
  if (error instanceof Error && "syscall" in error && error.syscall === "open") return "FILE";
  return state || (/\bSSL\b/.test(detail) ? "SSL" : "");
}

function sqlState(error: unknown): string {
  if (error instanceof AggregateError) return sqlState(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function detailOf(error: unknown): string {
  if (error instanceof AggregateError) return detailOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

interface Explanation {
  /** of what `signOf` gives */
  readonly sign: RegExp;
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}

const EXPLANATIONS: readonly Explanation[] = [
  {
    sign: /^53100$/,
    code: "E_BROKER_FULL",
    what: "The PostgreSQL server's disk is full: nothing was written",
    hint: "Make room, or prune finished tasks.",
  },
  {
    sign: /^25006$/,
    code: "E_BROKER_READONLY",
    what: "The PostgreSQL server takes no writes",
    hint: "Connect to the primary.",
  },
  {
    sign: /^28|^3D000$/,
    code: "E_BROKER",
    what: "The PostgreSQL server refuses this user or database",
    hint: "Check user, password and database in the URL.",
  },
  {
    sign: /^PLAIN$/,
    code: "E_BROKER",
    what: "The PostgreSQL server refuses this user or database without TLS",
    hint: "Where it asks for TLS, give `?sslmode=verify-full`; else check user and database in the URL.",
  },
  {
    sign: /^FILE$/,
    code: "E_BROKER",
    what: "A file that the URL of the PostgreSQL server names cannot be read",
    hint: "Check `sslrootcert`, `sslcert` and `sslkey`: their paths start from the project's folder.",
  },
  {
    sign: /SSL|TLS|CERT|VERIFY/,
    code: "E_BROKER",
    what: "The PostgreSQL server's TLS is not trusted, or it speaks none",
    hint: "Give `?sslmode=verify-full&sslrootcert=FILE`, by object `ssl: { ca }`, and a host that its certificate names; without TLS it is `?sslmode=disable`.",
  },
  {
    sign: /^42501$/,
    code: "E_BROKER",
    what: "The PostgreSQL user lacks a right",
    hint: "The first start makes a schema with tables: it needs CREATE on the database.",
  },
];

const UNREACHABLE: Omit<Explanation, "sign"> = {
  code: "E_BROKER_UNREACHABLE",
  what: "The PostgreSQL server cannot be reached; what was under way may or may not be stored",
  hint: "Check that it runs and that host and port are right. A `unique` key makes repeating safe.",
};

const OTHER: Omit<Explanation, "sign"> = {
  code: "E_BROKER",
  what: "The PostgreSQL server did not do what was asked",
  hint: "See the cause.",
};

/** The connection is broken or could not be made: PostgreSQL's classes 08 and 57P, codes of the system, node-postgres's words. */
function isLoss(state: string, detail: string): boolean {
  return (
    /^(08|57P)/.test(state) ||
    /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|ETIMEDOUT)/.test(state) ||
    /connection|timeout|not queryable/i.test(detail)
  );
}
