import { expect, test } from "vitest";
import { INLINE, Project } from "./project.js";

test("a batch of 100,000 lines of a kilobyte is queued in 64 MB of heap", async () => {
  const line = (n: number) => `${JSON.stringify({ n, text: "x".repeat(1000) })}\n`;
  const project = new Project(
    {
      "tasks/all.mjs": `
import { app } from "qtasks";
const validate = (value) => (typeof value?.n === "number" ? { value } : { issues: [{ message: "no number" }] });
app.task({ name: "typed", input: { "~standard": { version: 1, vendor: "test", validate } } }, async () => {});`,
      "big.ndjson": Array.from({ length: 100_000 }, (_, n) => line(n)).join(""),
    },
    { ...INLINE, QTASKS_DURABILITY: "normal" },
  );
  const ended = await project.qtasks(["call", "typed", "--batch", "big.ndjson", "--quiet"], {
    env: { NODE_OPTIONS: "--max-old-space-size=64" },
  });
  expect(ended).toMatchObject({ code: 0, stdout: "100000\n", stderr: "" });
  expect(await project.json(["status"])).toMatchObject({ counts: { new: 100_000 } });
});
