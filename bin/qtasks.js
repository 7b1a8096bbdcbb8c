#!/usr/bin/env node
// CommonJS, as package.json here says: starting Node's loader of ES modules takes as long as a command.

// From Node 22.1 on, compiled code is kept from one start to the next.
require("node:module").enableCompileCache?.();

const words = process.argv.slice(2);

async function start() {
  if (words[0] === "__complete") {
    // Asked at every press of the tabulator key: nothing but this is loaded for it.
    const { answer } = await import("../dist/cli/completion/answer.js");
    await answer(words.slice(1));
    return;
  }
  await require("../dist/quick/cli.cjs").answer(words);
  const { main } = await import("../dist/cli/main.js");
  await main(words);
}

start();
