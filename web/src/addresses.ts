// Where the server is. A page that the server serves itself finds it beside itself, below whatever path a proxy gives it (which the
// server's http.public_path names, for the cookies); one that is served elsewhere is built with the addresses: VEDETTE_UI_API_URL and
// VEDETTE_UI_WS_URL (docs/security.md).
interface Settings {
  readonly VEDETTE_UI_API_URL?: string;
  readonly VEDETTE_UI_WS_URL?: string;
}
const settings = (import.meta as unknown as { env: Settings }).env;

/** With the slash at its end that relative addresses need. */
function directory(address: string): string {
  return address.endsWith("/") ? address : `${address}/`;
}

export const apiAddress: string = settings.VEDETTE_UI_API_URL ? directory(settings.VEDETTE_UI_API_URL) : document.baseURI;

export function webSocketAddress(): URL {
  const address = new URL(settings.VEDETTE_UI_WS_URL || new URL("ws", apiAddress));
  address.protocol = address.protocol.replace(/^http/, "ws");
  return address;
}
