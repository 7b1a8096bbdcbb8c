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

export const RedisServer: ServerKind;
export const PostgresServer: ServerKind;
