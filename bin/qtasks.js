#!/usr/bin/env node
const words = process.argv.slice(2);

if (words[0] === "__complete") {
  // Asked at every press of the tabulator key: nothing but this is loaded for it.
  const { answer } = await import("../dist/cli/completion/answer.js");
  await answer(words.slice(1));
} else {
  const { main } = await import("../dist/cli/main.js");
  await main(words);
}
