import { app } from "qtasks";
import { sendMail } from "./mail.js";

/** Queues a mail for each address and waits for all. While it waits, its place in the worker is free for them. */
export const sendNewsletter = app.task(
  { name: "mail.newsletter", description: "One subject to many addresses", tags: ["mail"], echo: true },
  async (self, subject: string, ...addresses: string[]) => {
    let sent = 0;
    const sendOne = async (address: string) => {
      const result = await sendMail.with({ timeout: "1m" }).addTask(address, subject);
      await result.value();
      sent += 1;
      self.ctx.progress(sent, addresses.length, address);
    };
    await Promise.all(addresses.map(sendOne));
    return { sent };
  },
);
