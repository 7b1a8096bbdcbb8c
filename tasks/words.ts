import { readFile } from "node:fs/promises";
import { app } from "qtasks";

/** How many words a text file has, and which come up most. */
export const countWords = app.task(
  { name: "words.count", tags: ["files"], description: "Words of a text file, the most frequent first" },
  async (file: string, most: number = 5) => {
    const text = await readFile(file, "utf8");
    const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    const ranked = [...counts].sort(([, a], [, b]) => b - a).slice(0, most);
    return { words: words.length, most: ranked.map(([word, count]) => ({ word, count })) };
  },
);
