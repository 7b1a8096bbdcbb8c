// Servers of our own to be killed and started again, and a proxy before them to be cut: for the tests of faults and
// for the nemesis.
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Stands between clients and a server on this machine, and does to their connections what networks do. */
export class NetworkProxy {
  #server = createServer((client) => this.#accept(client));
  #pairs = new Set();
  #target;
  #mode = "pass";
  #delayMs = 0;
  /** what is watched for: `{ text, from, then, resolve }` */
  #trap;

  constructor(targetPort, targetHost = "127.0.0.1") {
    this.#target = { port: targetPort, host: targetHost };
  }

  async listen(host = "127.0.0.1") {
    await new Promise((resolve) => this.#server.listen(0, host, resolve));
    this.port = this.#server.address().port;
    return this;
  }

  /** From now on all is well, for new connections: those that were swallowed stay dead. */
  pass() {
    this.#mode = "pass";
    this.#delayMs = 0;
  }

  /** Ends every connection; the next are accepted. */
  cut() {
    for (const pair of this.#pairs) pair.end();
  }

  /** Ends every connection, and the next at once. */
  refuse() {
    this.#mode = "refuse";
    this.cut();
  }

  /** Half-open: nothing comes through any more, on old connections and on new ones, and nobody is told. */
  swallow() {
    this.#mode = "swallow";
    for (const pair of this.#pairs) pair.swallow();
  }

  /** Everything takes so much longer in each direction. */
  delay(ms) {
    this.#delayMs = ms;
  }

  /**
   * What is done once the text has gone by: it still arrives at the server, but the answer does not come back.
   * Resolves when that has happened.
   * @param from who says the text: `client` or `server`
   * @param how `cut` ends every connection; `swallow` leaves them half-open
   */
  atText(text, from, how = "cut") {
    return new Promise((resolve) => {
      this.#trap = { text, from, how, resolve };
    });
  }

  async close() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client) {
    if (this.#mode === "refuse") return client.destroy();
    const server = connect(this.#target);
    let isDead = this.#mode === "swallow";
    const pair = {
      swallow: () => {
        isDead = true;
      },
      end: () => {
        this.#pairs.delete(pair);
        client.destroy();
        server.destroy();
      },
    };
    this.#pairs.add(pair);
    const relay = (from, to, name) => {
      from.on("data", async (bytes) => {
        if (isDead) return;
        if (name === "server" && this.#springs("server", bytes)) return;
        if (this.#delayMs > 0) await sleep(this.#delayMs);
        if (!isDead && !to.destroyed) to.write(bytes);
        if (name === "client" && this.#springs("client", bytes)) isDead = true;
      });
      from.on("error", () => {});
      from.on("close", () => {
        if (!isDead) pair.end();
      });
    };
    relay(client, server, "client");
    relay(server, client, "server");
  }

  #springs(from, bytes) {
    const trap = this.#trap;
    if (trap?.from !== from || !bytes.includes(trap.text)) return false;
    this.#trap = undefined;
    if (trap.how === "swallow") this.swallow();
    // The server needs a moment to read and do it; nobody hears of it in any case.
    else setTimeout(() => this.cut(), 200);
    setTimeout(trap.resolve, 200);
    return true;
  }
}

/** A server of our own, in a folder of its own. A kind has `urlAt`, `command` and `crash`, its signal. */
class OwnServer {
  #child;

  constructor(kind) {
    this.folder = mkdtempSync(join(tmpdir(), `qtasks-${kind}-`));
  }

  get url() {
    return this.urlAt(this.port);
  }

  async start(host = "127.0.0.1") {
    this.port ??= await freePort();
    const [command, words, options] = this.command(host);
    this.#child = spawn(command, words, { stdio: "ignore", ...options });
    await reachable(this.port, host, this.#child, () => this.isServing());
  }

  /** False while it takes connections, but turns everyone away. */
  isServing() {
    return true;
  }

  /** As a crash would. */
  async kill() {
    await ended(this.#child, this.crash);
  }

  async remove() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A Redis server that has each acknowledged write on disk. */
export class RedisServer extends OwnServer {
  static isThere = spawnSync("redis-server", ["--version"]).status === 0;
  crash = "SIGKILL";

  constructor() {
    super("redis");
  }

  urlAt(port, host = "127.0.0.1") {
    return `redis://${host}:${port}`;
  }

  command(host) {
    const settings = { port: this.port, bind: host, dir: this.folder, save: "", appendonly: "yes" };
    const words = Object.entries({ ...settings, appendfsync: "always", "protected-mode": "no" });
    return ["redis-server", words.flatMap(([name, value]) => [`--${name}`, `${value}`])];
  }
}

/** A PostgreSQL cluster with its usual durability. */
export class PostgresServer extends OwnServer {
  static #bin = findPostgres();
  static isThere = PostgresServer.#bin !== undefined;
  /** `pg_ctl stop -m immediate` */
  crash = "SIGQUIT";
  #data = join(this.folder, "data");
  #guard;

  /** @param guard `{ key, certificate, password }`: it lets in only who speaks TLS and knows the password */
  constructor(guard) {
    super("postgres");
    this.#guard = guard;
  }

  urlAt(port, host = "127.0.0.1") {
    const password = this.#guard === undefined ? "" : `:${this.#guard.password}`;
    return `postgres://qtasks${password}@${host}:${port}/postgres`;
  }

  command(host) {
    if (!existsSync(this.#data)) this.#make();
    const place = [
      "-D",
      this.#data,
      "-p",
      `${this.port}`,
      "-c",
      `listen_addresses=${host}`,
      "-k",
      this.folder,
    ];
    const guarded = this.#guard === undefined ? [] : ["-c", "ssl=on"];
    return [join(PostgresServer.#bin, "postgres"), [...place, ...guarded], account()];
  }

  isServing() {
    return /^ready\b/m.test(readFileSync(join(this.#data, "postmaster.pid"), "utf8"));
  }

  #make() {
    const secret = join(this.folder, "password");
    if (this.#guard !== undefined) writeFileSync(secret, this.#guard.password);
    this.#giveAway(this.folder);
    const entry = this.#guard === undefined ? ["-A", "trust"] : ["-A", "scram-sha-256", "--pwfile", secret];
    const words = ["-D", this.#data, "-U", "qtasks", ...entry, "-N", "--no-instructions"];
    const { status, stderr } = spawnSync(join(PostgresServer.#bin, "initdb"), words, {
      ...account(),
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`initdb: ${stderr}`);
    if (this.#guard !== undefined) this.#guardIt();
  }

  #guardIt() {
    copyFileSync(this.#guard.certificate, join(this.#data, "server.crt"));
    copyFileSync(this.#guard.key, join(this.#data, "server.key"));
    writeFileSync(join(this.#data, "pg_hba.conf"), "hostssl all all all scram-sha-256\n");
    this.#giveAway(this.#data);
  }

  /** To the account that the server runs under. */
  #giveAway(folder) {
    const { uid, gid } = account();
    if (uid !== undefined) spawnSync("chown", ["-R", `${uid}:${gid}`, folder]);
  }
}

/** PostgreSQL refuses to run as root. */
function account() {
  if (process.getuid?.() !== 0) return {};
  const number = (flag) => Number(spawnSync("id", [flag, "nobody"], { encoding: "utf8" }).stdout);
  return { uid: number("-u"), gid: number("-g") };
}

function findPostgres() {
  const versions = "/usr/lib/postgresql";
  const folders = existsSync(versions)
    ? readdirSync(versions).map((name) => join(versions, name, "bin"))
    : [];
  return [...folders, "/usr/local/bin", "/usr/bin"].find((folder) => existsSync(join(folder, "initdb")));
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function reachable(port, host, child, isServing) {
  for (let round = 0; round < 1200; round++) {
    if (child.exitCode !== null) throw new Error(`the server on port ${port} ended with ${child.exitCode}`);
    const isOpen = await new Promise((resolve) => {
      const socket = connect({ port, host });
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen && isServing()) return;
    await sleep(50);
  }
  throw new Error(`the server on port ${port} does not answer`);
}

async function ended(child, signal) {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await end;
}
