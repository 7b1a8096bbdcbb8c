interface Given {
  readonly shownAs?: string | undefined;
  readonly url?: string | undefined;
  readonly connection?: object | undefined;
  readonly nodes?: readonly { readonly host: string; readonly port?: number }[] | undefined;
}

/** Where a broker is, for people: without user, password and parameters, which may be secrets as well. */
export function shownPlace({ shownAs, url, connection, nodes }: Given, scheme: string): string {
  if (shownAs !== undefined) return shownAs;
  if (nodes !== undefined) return `${scheme}//${nodes.map(hostOf).join()}`;
  if (connection !== undefined && "host" in connection) return `${scheme}//${hostOf(connection)}`;
  if (url === undefined || !URL.canParse(url)) return scheme;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function hostOf({ host, port }: { readonly host?: unknown; readonly port?: unknown }): string {
  return port === undefined ? String(host) : `${String(host)}:${String(port)}`;
}
