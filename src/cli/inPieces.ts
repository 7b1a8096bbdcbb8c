/** What the broker is asked in one turn it commits as one: thousands of tasks take no thousand commits. */
const AT_ONCE = 500;

/** Does it for each, many at once, and hands out what came of each in order. */
export async function inPieces<Item, Answer>(
  pages: AsyncIterable<readonly Item[]>,
  work: (item: Item) => Promise<Answer>,
  done: (answer: Answer) => void,
  failed: (error: unknown) => void,
): Promise<void> {
  for await (const page of pages) {
    for (let start = 0; start < page.length; start += AT_ONCE) {
      const outcomes = await Promise.allSettled(page.slice(start, start + AT_ONCE).map(work));
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") done(outcome.value);
        else failed(outcome.reason);
      }
    }
  }
}
