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

export class RedisServer implements Server {
  static readonly isThere: boolean;
  readonly url: string;
  readonly port: number;
  urlAt(port: number, host?: string): string;
  start(host?: string): Promise<void>;
  kill(): Promise<void>;
  remove(): Promise<void>;
}

export class PostgresServer implements Server {
  static readonly isThere: boolean;
  readonly url: string;
  readonly port: number;
  urlAt(port: number, host?: string): string;
  start(host?: string): Promise<void>;
  kill(): Promise<void>;
  remove(): Promise<void>;
}
