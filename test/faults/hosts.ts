import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { BIN } from "./stage.js";

/** Whether hosts can be made here: that takes root, and Linux with iproute2. */
export const canMakeHosts = (() => {
  const name = `qtasks-try-${process.pid}`;
  const isMade = spawnSync("ip", ["netns", "add", name], { stdio: "ignore" }).status === 0;
  const runs = isMade && spawnSync("ip", ["netns", "exec", name, "true"], { stdio: "ignore" }).status === 0;
  if (isMade) spawnSync("ip", ["netns", "delete", name]);
  return runs;
})();

/** A network namespace with an address and a cable to this machine. */
export class Host {
  static #last = randomInt(0, 16_000);
  readonly #id = ++Host.#last;
  readonly #space = `qtasks-${this.#id}`;
  readonly #cable = `qth${this.#id}`;
  /** of this machine, as the host sees it */
  readonly gateway = addressOf(4 * this.#id + 1);
  /** its own */
  readonly address = addressOf(4 * this.#id + 2);

  constructor() {
    const inside = `qti${this.#id}`;
    ip("netns", "add", this.#space);
    ip("link", "add", this.#cable, "type", "veth", "peer", "name", inside, "netns", this.#space);
    ip("address", "add", `${this.gateway}/30`, "dev", this.#cable);
    ip("link", "set", this.#cable, "up");
    ip("-n", this.#space, "address", "add", `${this.address}/30`, "dev", inside);
    ip("-n", this.#space, "link", "set", inside, "up");
    ip("-n", this.#space, "link", "set", "lo", "up");
  }

  /** The words that run our command there. */
  command(...words: readonly string[]): readonly string[] {
    return ["ip", "netns", "exec", this.#space, process.execPath, BIN, ...words];
  }

  /** Pulls the cable: nobody is told, and nothing arrives. */
  cut(): void {
    ip("link", "set", this.#cable, "down");
  }

  heal(): void {
    ip("link", "set", this.#cable, "up");
  }

  remove(): void {
    ip("netns", "delete", this.#space);
  }
}

/** In the range that is set apart for tests of networks. */
function addressOf(number: number): string {
  return `198.18.${number >> 8}.${number & 255}`;
}

function ip(...words: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${words.join(" ")}: ${stderr}`);
}
