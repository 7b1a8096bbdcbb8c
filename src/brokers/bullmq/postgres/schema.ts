import { COMMON } from "./sql/common.js";
import { STRANGERS } from "./sql/strangers.js";
import { TABLES } from "./sql/tables.js";
import { TRANSFER } from "./sql/transfer.js";
import { VERBS } from "./sql/verbs.js";

/** Raised with each change of what is below; `connect` brings a schema that has another number up to it. */
export const SCHEMA_VERSION = 3;

/**
 * Our tables and functions, in BullMQ's schema. A task is a row of ours that belongs to a row of BullMQ's `job` and goes
 * with it.
 */
export const SCHEMA = TABLES + COMMON + VERBS + TRANSFER + STRANGERS;
