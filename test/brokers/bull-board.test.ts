import { existsSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Queue } from "bullmq";
import { afterEach, expect, test } from "vitest";
import { Stage } from "../../src/testing/stage.js";
import { KINDS, type Place } from "./places.js";

const CHROMIUM = process.env.QTASKS_TEST_CHROMIUM ?? "/usr/bin/chromium";
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What the test needs of the packages, which not every place has where it runs. */
interface Packages {
  readonly board: {
    createBullBoard(options: { queues: readonly unknown[]; serverAdapter: unknown }): unknown;
  };
  readonly adapter: { BullMQAdapter: new (queue: Queue, options: object) => unknown };
  readonly express: { ExpressAdapter: new () => { setBasePath(path: string): void; getRouter(): unknown } };
  readonly server: {
    default(): { use(handler: unknown): void; listen(port: number, host: string, ready: () => void): Server };
  };
  readonly browsers: { chromium: { launch(options: object): Promise<Browser> } };
}

interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

interface Page {
  goto(url: string): Promise<unknown>;
  getByText(text: string | RegExp): { first(): Locator };
}

interface Locator {
  waitFor(): Promise<void>;
}

const packages = await load();
const redis = KINDS.find(({ kind }) => kind === "redis");
const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

test.skipIf(packages === undefined || redis === undefined)(
  "Bull Board shows a task of ours on its page, and shows it completed once a plain BullMQ worker has run it",
  async () => {
    const place = await (redis as NonNullable<typeof redis>).make();
    cleanUp.push(() => place.remove());
    const stage = new Stage({ broker: place.broker, dispose: async () => {} });
    const { uuid } = await stage.queued({ args: '["ada@example.org",{"copies":2}]' });

    const { chromium } = (packages as Packages).browsers;
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
    cleanUp.push(() => browser.close());
    const page = await browser.newPage();
    const url = await startBoard(packages as Packages, place);

    await page.goto(`${url}/queue/suite/${uuid}?status=prioritized`);
    await sees(page, "mail.send", "ada@example.org");

    await finish(place, uuid);
    await page.goto(`${url}/queue/suite?status=completed`);
    await sees(page, "mail.send", uuid);
    expect(await stage.broker.counts()).toMatchObject([{ new: 0, success: 1 }]);
  },
);

async function startBoard({ board, adapter, express, server }: Packages, { queue }: Place): Promise<string> {
  const serverAdapter = new express.ExpressAdapter();
  serverAdapter.setBasePath("");
  board.createBullBoard({
    queues: [new adapter.BullMQAdapter(queue, { readOnlyMode: true })],
    serverAdapter,
  });
  const app = server.default();
  app.use(serverAdapter.getRouter());
  const listening = await new Promise<Server>((resolve) => {
    const started = app.listen(0, "127.0.0.1", () => resolve(started));
  });
  cleanUp.push(() => new Promise((resolve) => listening.close(resolve)));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

async function sees(page: Page, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await page.getByText(text).first().waitFor();
}

async function finish(place: Place, id: string): Promise<void> {
  const worker = place.worker(async () => ({ accepted: true }));
  await new Promise<void>((resolve) => worker.on("completed", (job) => job.id === id && resolve()));
  await worker.close();
}

/** Undefined, and said on stderr, where one of them or the browser is missing. */
async function load(): Promise<Packages | undefined> {
  // Names in variables: the types of packages that may be missing cannot be asked for.
  const find = async (name: string) => (await import(name)) as never;
  try {
    if (!existsSync(CHROMIUM)) throw new Error(`no ${CHROMIUM}; set QTASKS_TEST_CHROMIUM`);
    return {
      board: await find("@bull-board/api"),
      adapter: await find("@bull-board/api/bullMQAdapter"),
      express: await find("@bull-board/express"),
      server: await find("express"),
      browsers: await find("playwright-core"),
    };
  } catch (error) {
    process.stderr.write(`\nSKIPPED: Bull Board's page was not tried: ${(error as Error).message}\n`);
    return undefined;
  }
}
