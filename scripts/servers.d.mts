export class NetworkProxy {
  constructor(targetPort: number, targetHost?: string);
  readonly port: number;
  listen(host?: string): Promise<this>;
  pass(): void;
  cut(): void;
  refuse(): void;
  swallow(): void;
  delay(ms: number): void;
  atText(text: string, from: "client" | "server", how?: "cut" | "swallow"): Promise<void>;
  close(): Promise<void>;
}

interface Server {
  readonly url: string;
  readonly port: number;
  urlAt(port: number, host?: string): string;
  start(host?: string): Promise<void>;
  kill(): Promise<void>;
  remove(): Promise<void>;
}

interface ServerKind {
  readonly isThere: boolean;
  new (): Server;
}

/** What a server lets in only those by: TLS with these files, and a password, which is in its URL. */
interface Guard {
  readonly key: string;
  readonly certificate: string;
  readonly password: string;
}

export const RedisServer: ServerKind;
export const PostgresServer: ServerKind & { new (guard?: Guard): Server };
