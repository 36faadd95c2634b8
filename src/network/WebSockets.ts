/**
 * WebSockets as @libp2p/websockets has them, but for what a caller may cost before libp2p knows of it: a message is capped
 * before it is collected, a frame that is none ends its connection and nothing else, and whoever connects and says nothing is
 * let go, of one IP only so many at a time.
 */
import type { Server, Socket } from "node:net";
import type { Listener, Transport } from "@libp2p/interface";
import { webSockets } from "@libp2p/websockets";
import {
  MAX_CONNECTIONS,
  MAX_PENDING_PER_IP,
  MAX_WEBSOCKET_MESSAGE_BYTES,
  WEBSOCKET_UPGRADE_MS,
} from "../protocol/limits.ts";
import { networkOf } from "./Origin.ts";

interface Request {
  readonly socket: Socket;
}

interface Opened {
  on(event: "error", listener: () => void): void;
  terminate(): void;
}

/** What of the package's listener is used and not in its types. */
interface Inner {
  readonly server?: Server;
  readonly wsServer?: {
    readonly options?: { maxPayload?: number };
    handleUpgrade?(
      request: Request,
      socket: Socket,
      head: Buffer,
      done: (opened: Opened, ...rest: unknown[]) => void,
    ): void;
  };
}

export function boundedWebSockets() {
  const create = webSockets();
  return (components: Parameters<typeof create>[0]): Transport => {
    const transport = create(components);
    const createListener = transport.createListener.bind(transport);
    transport.createListener = (options) => bounded(createListener(options));
    return transport;
  };
}

function bounded(listener: Listener): Listener {
  const { server, wsServer } = listener as unknown as Inner;
  const upgrade = wsServer?.handleUpgrade;
  // They are private to the package; a version that has them elsewhere must not go unnoticed.
  if (!server || !upgrade || wsServer.options?.maxPayload === undefined) {
    throw new Error("@libp2p/websockets no longer has the servers that boundedWebSockets limits");
  }
  wsServer.options.maxPayload = MAX_WEBSOCKET_MESSAGE_BYTES;
  server.maxConnections = 2 * MAX_CONNECTIONS;
  const pending = new Map<Socket, { readonly origin: string; readonly limit: NodeJS.Timeout }>();
  const forget = (socket: Socket): void => {
    clearTimeout(pending.get(socket)?.limit);
    pending.delete(socket);
  };
  server.prependListener("connection", (socket) => {
    const origin = networkOf(socket.remoteAddress ?? "");
    const same = [...pending.values()].filter((other) => other.origin === origin);
    if (same.length >= MAX_PENDING_PER_IP) return void socket.destroy();
    pending.set(socket, { origin, limit: setTimeout(() => socket.destroy(), WEBSOCKET_UPGRADE_MS) });
    socket.once("close", () => forget(socket));
  });
  wsServer.handleUpgrade = (request, socket, head, done) => {
    forget(request.socket);
    upgrade.call(wsServer, request, socket, head, (opened, ...rest) => {
      // The package does not listen for it, so that a frame that is none would end the process.
      opened.on("error", () => opened.terminate());
      done(opened, ...rest);
    });
  };
  return listener;
}
