// A worker process: runs `work(place, concurrency)` of the module it is told, which resolves once it takes tasks.
const { module, place, concurrency } = JSON.parse(process.argv[2]);

process.on("message", (text) => {
  if (text === "pause") process.kill(process.pid, "SIGSTOP");
});
process.on("disconnect", () => process.exit());

const { work } = await import(module);
await work(place, concurrency);
process.send({ type: "ready" });
