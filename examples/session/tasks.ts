import { app, currentTask } from "qtasks";
import { z } from "zod";

export const send = app.task(
  {
    name: "mail.send",
    description: "Send one mail",
    retry: 3,
    input: z.object({
      to: z.email().describe("who gets it"),
      subject: z.string().default("Welcome"),
      copies: z.number().int().min(1).default(1),
    }),
  },
  async ({ to, copies }) => `sent ${copies} to ${to}`,
);

export const report = app.task("report", async (year: number) => {
  for (let quarter = 1; quarter <= 4; quarter++) {
    console.log(`${year}, quarter ${quarter}`);
    await currentTask()?.sleep(0.5);
  }
  if (year > 2026) throw new Error(`${year} is not over`);
  return { year, lines: 4 };
});
