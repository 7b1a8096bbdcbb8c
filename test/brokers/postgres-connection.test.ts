import type { Client } from "pg";
import { expect, test } from "vitest";
import { Connection } from "../../src/brokers/bullmq/postgres/connection.js";

/** A connection whose server notes the messages that come. */
function noted(refuses: (text: string) => boolean = () => false) {
  const messages: string[] = [];
  const client = {
    on: () => client,
    end: async () => {},
    escapeLiteral: (text: string) => `'${text}'`,
    async query({ text }: { text: string }) {
      messages.push(text);
      if (refuses(text)) throw Object.assign(new Error("refused"), { severity: "ERROR" });
      return text.split(";\n").map((statement) => ({ rows: [{ statement }] }));
    },
  };
  return { messages, connection: new Connection(async () => client as unknown as Client) };
}

const queueing = (value: unknown) => ({ text: "enqueue($1)", values: [value], shares: "open" }) as const;
const claim = { text: "claim", shares: "last" } as const;

test("what is queued, and a claim behind it, is one message; nothing follows a claim, which holds its locks", async () => {
  const { messages, connection } = noted();
  const turn = [
    { text: "get" },
    queueing(1),
    queueing(["a", "b"]),
    claim,
    queueing(2),
    { text: "cancel" },
    claim,
  ];
  const answers = await Promise.all(turn.map((query) => connection.query(query)));
  expect(messages).toEqual([
    "get",
    `enqueue('1');\nenqueue('{"a","b"}');\nclaim`,
    "enqueue($1)",
    "cancel",
    "claim",
  ]);
  expect(answers.flat().map(({ statement }) => statement)).toEqual(messages.join(";\n").split(";\n"));
});

test("what the server refuses together is asked alone, and only the one that is wrong fails", async () => {
  const { messages, connection } = noted((text) => text.includes("wrong"));
  const outcomes = await Promise.allSettled([
    connection.query(queueing(1)),
    connection.query({ text: "enqueue wrong", shares: "open" }),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(messages).toEqual(["enqueue('1');\nenqueue wrong", "enqueue($1)", "enqueue wrong"]);
});

test("a text that would end the message is asked alone", async () => {
  const { messages, connection } = noted();
  await Promise.all([connection.query(queueing("a\0b")), connection.query(queueing(2))]);
  expect(messages).toEqual(["enqueue($1)", "enqueue($1)"]);
});
