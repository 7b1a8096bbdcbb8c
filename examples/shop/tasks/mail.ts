import { app, currentTask } from "qtasks";

/** What a mail server throws that may work a moment later. */
export class SmtpError extends Error {}

export const sendMail = app.task(
  {
    name: "mail.send",
    description: "Send one mail",
    tags: ["mail"],
    retry: 3,
    retryOnExc: [SmtpError],
    retryDelay: { base: "100ms" },
    maxTime: 10,
  },
  async (to: string, subject: string = "Welcome") => {
    const attempt = currentTask()?.attempt ?? 1;
    // Stands for a real server: this domain is busy twice, then takes the mail.
    if (to.endsWith("@busy.example") && attempt < 3) throw new SmtpError("450 mailbox busy, try again later");
    return { accepted: true, to, subject, attempt };
  },
);
