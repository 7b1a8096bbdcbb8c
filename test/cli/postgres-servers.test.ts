import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { PostgresServer } from "../../scripts/servers.mjs";
import { makeCertificate } from "../brokers/certificate.js";
import { hasCommand, testWith } from "../faults/stage.js";
import { complaintOf, type How, INLINE, Project } from "./project.js";

const isPossible = PostgresServer.isThere && hasCommand("openssl", "version");
const test = testWith(
  isPossible,
  "a postgres server that can be started here, or of openssl for its certificate",
);

const TASKS = {
  "tasks/all.mjs": `import { app } from "qtasks"; app.task("add", async (a, b) => a + b);`,
};

function projectOn(broker: string): Project {
  return new Project({ ...TASKS, "qtasks.config.json": JSON.stringify({ name: "shop", broker }) }, INLINE);
}

/** A task is queued, run by a worker, and its result read, each by a command of its own. */
async function works(project: Project, how: How = {}) {
  const uuid = await project.call(["add", "2", "3"], how);
  expect(await project.burst([], how)).toMatchObject({ code: 0 });
  expect(await project.qtasks(["result", uuid], how)).toMatchObject({ code: 0, stdout: "5\n" });
}

describe("a PostgreSQL server behind TLS and a password", () => {
  const own = isPossible ? makeCertificate() : undefined;
  const server = own && new PostgresServer({ ...own, password: "swordfish" });
  const url = (parameters = "") => `${server?.url}${parameters}`;
  const trusted = () => url(`?sslmode=verify-full&sslrootcert=${own?.certificate}`);
  beforeAll(async () => await server?.start());
  afterAll(async () => {
    await server?.remove();
    own?.remove();
  });

  /** What a command says that is refused: it ends with 5, and the password is nowhere. */
  async function refused(broker: string, how: How = {}) {
    const ended = await projectOn(broker).qtasks(["--verbose", "call", "add", "2", "3"], how);
    expect(ended).toMatchObject({ code: 5, stdout: "" });
    expect(ended.stderr).not.toContain("swordfish");
    return complaintOf(await projectOn(broker).qtasks(["call", "add", "2", "3"], how));
  }

  test("serves by its URL with the file of its authority, and shows the password nowhere", async () => {
    const project = projectOn(trusted());
    await works(project);
    const said = [
      await project.qtasks(["--verbose", "doctor", "--json"]),
      await project.burst(["--log-level", "debug", "--log-format", "json"]),
    ];
    expect(said.map(({ code }) => code)).toEqual([0, 0]);
    expect(said.map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain("swordfish");
    expect(said[0]?.stdout).toContain(", TLS");
  });

  test("serves by its URL where the environment names its authority", async () => {
    await works(projectOn(url("?sslmode=verify-full")), {
      env: { NODE_EXTRA_CA_CERTS: own?.certificate ?? "" },
    });
  });

  test("serves by an object with its authority, and is refused by one without", async () => {
    const config = (ssl: string) => `
import { readFileSync } from "node:fs";
import { defineConfig, PostgresBroker } from "qtasks";
const place = { host: "127.0.0.1", port: ${server?.port}, database: "postgres" };
const connection = { ...place, user: "qtasks", password: "swordfish", ssl: ${ssl} };
export default defineConfig({ broker: new PostgresBroker({ queue: "by-object", connection }) });`;
    const trusting = config(`{ ca: readFileSync(${JSON.stringify(own?.certificate)}, "utf8") }`);
    const project = new Project({ ...TASKS, "qtasks.config.mjs": trusting }, INLINE);
    await works(project);
    expect((await project.qtasks(["doctor"])).stdout).toContain(`postgres://127.0.0.1:${server?.port}\n`);
    project.write("qtasks.config.mjs", config("true"));
    const ended = await project.qtasks(["call", "add", "2", "3"]);
    expect(ended).toMatchObject({ code: 5, stdout: "" });
    expect(ended.stderr).not.toContain("swordfish");
    expect(complaintOf(ended).hint).toContain("ssl: { ca }");
  });

  test("is refused where its authority is not known, with what to give", async () => {
    const { error, hint } = await refused(url("?sslmode=verify-full"));
    expect(error).toContain("self-signed certificate");
    expect(hint).toContain("sslrootcert=FILE");
  });

  test("is asked for a trusted certificate by `sslmode=require` too, without a warning of the driver", async () => {
    const { error } = await refused(url("?sslmode=require"));
    expect(error).toContain("self-signed certificate");
    const project = projectOn(`${trusted().replace("verify-full", "require")}`);
    const { code, stderr } = await project.qtasks(["run", "add", "2", "3"]);
    expect({ code, stderr: stderr.includes("Warning") }).toEqual({ code: 0, stderr: false });
  });

  test("is refused by another name than its certificate's, with what to look at", async () => {
    const { error, hint } = await refused(trusted().replace("127.0.0.1", "localhost"));
    expect(error).toContain("does not match certificate's altnames");
    expect(hint).toContain("a host that its certificate names");
  });

  test("says what to give to whom it refuses for not speaking TLS", async () => {
    const { error, hint } = await refused(url());
    expect(error).toContain("without TLS");
    expect(hint).toContain("?sslmode=verify-full");
  });

  test("finds the file of its authority from the project's folder, and says where it looked in vain", async () => {
    const project = projectOn(url("?sslmode=verify-full&sslrootcert=ca.pem"));
    project.write("ca.pem", readFileSync(own?.certificate ?? "", "utf8"));
    project.write("deeper/.keep");
    const ended = await project.qtasks(["run", "add", "2", "3"], { cwd: "deeper" });
    expect(ended).toMatchObject({ code: 0, stdout: "5\n" });
    const { error, hint } = await refused(url("?sslmode=verify-full&sslrootcert=none.pem"));
    expect(error).toMatch(/no such file or directory, open '.+none\.pem'/);
    expect(hint).toContain("sslrootcert");
  });
});

describe("a PostgreSQL server that speaks no TLS", () => {
  const server = isPossible ? new PostgresServer() : undefined;
  beforeAll(async () => await server?.start());
  afterAll(async () => await server?.remove());

  test("is not spoken to where the URL asks for it, and is without it", async () => {
    const ended = await projectOn(`${server?.url}?sslmode=verify-full`).qtasks(["status"]);
    expect(ended.code).toBe(5);
    expect(complaintOf(ended).error).toContain("does not support SSL connections");
    await works(projectOn(`${server?.url}?sslmode=disable`));
  });
});
