import { BrokerError } from "../../../core/errors.js";

/** Makes anything that ioredis, Redis or BullMQ threw a `BrokerError`; one that is one already stays itself. */
export function toBrokerError(error: unknown, name: string): BrokerError {
  if (error instanceof BrokerError) return error;
  const detail =
    (error instanceof Error && (error.message || String((error as { code?: unknown }).code))) ||
    String(error);
  const { code, what, hint } = EXPLANATIONS.find(({ sign }) => sign.test(detail)) ?? OTHER;
  return new BrokerError(code, `${what} (${name}): ${detail}`, { hint, cause: error });
}

interface Explanation {
  readonly sign: RegExp;
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}

const EXPLANATIONS: readonly Explanation[] = [
  {
    sign: /\bOOM\b/,
    code: "E_BROKER_FULL",
    what: "The Redis server is out of memory: nothing was written",
    hint: "Raise its `maxmemory`, or prune finished tasks.",
  },
  {
    sign: /\bREADONLY\b|\bMISCONF\b/,
    code: "E_BROKER_READONLY",
    what: "The Redis server takes no writes",
    hint: "Connect to the primary; the server's log says why it does not write.",
  },
  {
    sign: /\b(WRONGPASS|NOAUTH|NOPERM)\b|invalid (username-)?password/i,
    code: "E_BROKER",
    what: "The Redis server refuses this user",
    hint: "Check the user and the password in the URL.",
  },
  {
    sign: /certificate|\bSSL\b|\bTLS\b/i,
    code: "E_BROKER",
    what: "The Redis server's TLS is not trusted, or it speaks none",
    hint: "Set NODE_EXTRA_CA_CERTS to the file of its authority, or give `tls: { ca }`; without TLS it is redis://.",
  },
  {
    sign: /Connection is closed|Stream isn't writeable|Cluster isn't ready|slots cache|max retries|ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|timeout|timed out/i,
    code: "E_BROKER_UNREACHABLE",
    what: "The Redis server cannot be reached; what was under way may or may not be stored",
    hint: "Check that it runs and that host and port are right. A `unique` key makes repeating safe.",
  },
  {
    sign: /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN)\b/,
    code: "E_BROKER_UNREACHABLE",
    what: "The Redis server does nothing for others now: nothing was written",
    hint: "Try again: it is starting, failing over, or busy with a long step.",
  },
];

const OTHER: Omit<Explanation, "sign"> = {
  code: "E_BROKER",
  what: "The Redis server did not do what was asked",
  hint: "See the cause.",
};
