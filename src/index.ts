export { PostgresBroker } from "./brokers/bullmq/postgres/broker.js";
export { RedisBroker } from "./brokers/bullmq/redis/broker.js";
export type { Config, ConfigInput } from "./core/config.js";
export type { Duration } from "./core/duration.js";
export {
  BadOptionError,
  BrokerError,
  ConfigError,
  DecodeError,
  DuplicateTaskError,
  InputError,
  isQTasksError,
  LoadError,
  MaxTimeError,
  NotJsonError,
  QTasksError,
  TaskCancelledError,
  TaskFailedError,
  TooLargeError,
  UnknownIdError,
  UnknownTaskError,
  WaitTimeoutError,
} from "./core/errors.js";
export type { Json } from "./core/json.js";
export type { NewTask, Progress, RunRecord, TaskError, TaskRecord, UniqueKey } from "./core/record.js";
export type { EndStatus, RunStatus, Status } from "./core/status.js";
export type { Task, TaskRun } from "./core/task.js";
export type { Verdict } from "./core/verdict.js";
export { App, Worker } from "./engine/app.js";
export type { CallOptions } from "./engine/call.js";
export { currentTask } from "./engine/charge.js";
export { PluginTriggerError } from "./engine/context.js";
export type { AsyncTask, AsyncTaskCls, RunningTask, SyncTask } from "./engine/handle.js";
export type { ListQuery, PruneOptions } from "./engine/query.js";
export type { Register } from "./engine/register.js";
export { AsyncResult } from "./engine/result.js";
export { Router, type RouterOptions, sharedTask } from "./engine/router.js";
export type { BackoffOptions, TaskOptions } from "./engine/schema.js";
export type { WorkerSummary } from "./engine/worker.js";
export { AsyncTaskExecutor } from "./executors/async.js";
export { BaseTaskExecutor, TaskMiddleware } from "./executors/base.js";
export { SyncTaskExecutor } from "./executors/sync.js";
export type * from "./ports/broker.js";
export type { TaskContext, TaskLogger } from "./ports/context.js";
export type {
  ExecutorRun,
  Middleware,
  MiddlewareFunction,
  StandardSchema,
  TaskExecSchema,
  TaskExecutor,
  TaskSource,
} from "./ports/execution.js";
export type { EventMap, EventName, Listener, Plugin, PluginHost, QueueDraft } from "./ports/plugin.js";
export type { Moment, System } from "./ports/system.js";
export { app, defineConfig, taskOf } from "./setup/app.js";
export { QueueTasks } from "./setup/queueTasks.js";
