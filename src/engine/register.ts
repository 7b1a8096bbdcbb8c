import { BadOptionError } from "../core/errors.js";
import { show } from "../core/show.js";
import type { StandardSchema, TaskFunction, TaskSource } from "../ports/execution.js";
import type { AsyncTask, RunningTask, SyncTask } from "./handle.js";
import type { TaskOptions } from "./schema.js";
import { callerSource } from "./source.js";

/** What is stored of a result: a generator's values as a list, a promise's value. */
export type Stored<R> =
  R extends AsyncGenerator<infer Item, unknown, never>
    ? Item[]
    : R extends Generator<infer Item, unknown, never>
      ? Item[]
      : Awaited<R>;

/** `decode` has the last word on the result's type, `generateHandler` on a generator's items. */
type Result<O, R> = O extends { decode(result: never): infer D }
  ? Awaited<D>
  : O extends { generateHandler(item: never): infer H }
    ? Awaited<H>[]
    : Stored<R>;

// In brackets: a function that never returns would make the whole type `never`.
type Handle<A extends readonly unknown[], R, Returned> = [Returned] extends [
  PromiseLike<unknown> | AsyncGenerator<unknown, unknown, never>,
]
  ? AsyncTask<A, R>
  : SyncTask<A, R>;

type InputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["input"];
type OutputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["output"];

/** Given as `app.task(options)`: registers a function, or a static method as a TC39 decorator. */
export interface TaskDecorator<O> {
  <This, A extends unknown[], R>(
    method: (this: This, ...args: A) => R,
    // The second type argument decides: without it TypeScript takes the other form and refuses the decorator.
    context: ClassMethodDecoratorContext<This, (this: This, ...args: A) => R> & {
      readonly static: true;
      readonly private: false;
    },
  ): void;
  <A extends unknown[], R>(
    func: (...args: Shifted<O, Taken<O, A>>) => R,
  ): Handle<Given<O, A>, Result<O, R>, R>;
}

type Shifted<O, A extends unknown[]> = O extends { echo: true } ? [self: RunningTask, ...A] : A;
/** What the function takes after `echo`, and what its callers give. */
type Taken<O, A extends unknown[]> = O extends { input: StandardSchema } ? [input: OutputOf<O["input"]>] : A;
type Given<O, A extends unknown[]> = O extends { input: StandardSchema } ? [input: InputOf<O["input"]>] : A;

/** The ways to register a task: `app.task`, `router.task`, `sharedTask`. */
export interface Register {
  <O extends TaskOptions & { echo: true; input: StandardSchema }, R>(
    options: O,
    func: (self: RunningTask, input: OutputOf<O["input"]>) => R,
  ): Handle<[input: InputOf<O["input"]>], Result<O, R>, R>;
  <O extends TaskOptions & { echo?: false; input: StandardSchema }, R>(
    options: O,
    func: (input: OutputOf<O["input"]>) => R,
  ): Handle<[input: InputOf<O["input"]>], Result<O, R>, R>;
  <O extends TaskOptions & { echo: true; input?: undefined }, A extends unknown[], R>(
    options: O,
    func: (self: RunningTask, ...args: A) => R,
  ): Handle<A, Result<O, R>, R>;
  <O extends TaskOptions & { echo?: false; input?: undefined }, A extends unknown[], R>(
    options: O,
    func: (...args: A) => R,
  ): Handle<A, Result<O, R>, R>;
  <A extends unknown[], R>(name: string, func: (...args: A) => R): Handle<A, Stored<R>, R>;
  <A extends unknown[], R>(func: (...args: A) => R): Handle<A, Stored<R>, R>;
  <const O extends TaskOptions = Record<never, never>>(options?: O): TaskDecorator<O>;
}

/** One registration, whatever its form was. */
export type AddRegistration = (options: TaskOptions, func: TaskFunction, source: TaskSource) => AsyncTask;

export function createRegister(add: AddRegistration): Register {
  const register = (first: unknown = {}, func?: unknown) => {
    const source = callerSource();
    if (typeof first === "function") return add({}, first as TaskFunction, source);
    const options = typeof first === "string" ? { name: first } : optionsOf(first);
    if (func === undefined && typeof first !== "string") return createDecorator(options, source, add);
    return add(options, functionOf(func), source);
  };
  return register as Register;
}

function createDecorator(options: TaskOptions, source: TaskSource, add: AddRegistration) {
  return (target: unknown, context?: ClassMethodDecoratorContext) => {
    if (context === undefined) return add(options, functionOf(target), source);
    const method = methodOf(target, context);
    const owner: { self?: unknown } = {};
    context.addInitializer(function (this: unknown) {
      owner.self = this;
    });
    const name = options.name ?? String(context.name);
    return add({ ...options, name }, bindLater(method, owner), source);
  };
}

function methodOf(target: unknown, context: ClassMethodDecoratorContext): TaskFunction {
  if (typeof context !== "object" || context === null || context.kind !== "method") {
    throw new BadOptionError(
      "app.task(…) decorates methods in the standard (TC39) way only.",
      "Take `experimentalDecorators` out of tsconfig.json, or call app.task(options, fn).",
    );
  }
  if (!context.static || context.private) {
    throw new BadOptionError(
      `app.task(…) on the method "${String(context.name)}": only public static methods can be tasks.`,
      "Make it `static`, or register a function that creates the object.",
    );
  }
  return functionOf(target);
}

/** `this` is the class, which is known only once it is complete. The function's kind (async, generator) must stay. */
function bindLater(method: TaskFunction, owner: { readonly self?: unknown }): TaskFunction {
  const handler: ProxyHandler<TaskFunction> = {
    apply: (target, _self, args) => Reflect.apply(target, owner.self, args),
  };
  return new Proxy(method, handler);
}

function optionsOf(value: unknown): TaskOptions {
  if (typeof value === "object" && value !== null) return value as TaskOptions;
  throw new BadOptionError(
    `app.task was given ${show(value)}.`,
    "Give a function, a name and a function, or options and a function.",
  );
}

function functionOf(value: unknown): TaskFunction {
  if (typeof value === "function") return value as TaskFunction;
  throw new BadOptionError(`app.task was given ${show(value)} as the task's function.`, "Give a function.");
}
