/**
 * Joins a `ServerConnection` to a WebSocket.
 */
import { ServerConnection, TICK_MS } from "./connection.js";
import { ProtocolError } from "./fields.js";
import { decode, encode } from "./protocol.js";

/**
 * Connects to a server. Resolves when a group can be joined; rejects if there is no server, or one
 * that does not speak the protocol.
 * @param {string | URL} endpoint From the group's status
 * @param {{signal?: AbortSignal}} [options] Aborting closes the connection, also after it was opened
 * @returns {Promise<ServerConnection>}
 */
export function connect(endpoint, { signal } = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(endpoint);
    /** What we found out ourselves; the code of the close frame would not tell. */
    let fault = "";
    const connection = new ServerConnection({
      send: (message) => socket.send(encode(message)),
      close: (reason) => {
        fault = reason;
        socket.close(1000);
        // A server that went silent does not answer the close frame either.
        if (reason !== "") finish(1006, reason);
      },
    });
    const timer = setInterval(() => connection.handleTick(), TICK_MS);
    const abort = () => connection.close();

    /**
     * @param {number} code
     * @param {string} reason
     */
    function finish(code, reason) {
      clearInterval(timer);
      signal?.removeEventListener("abort", abort);
      connection.handleClosed(code, reason);
      reject(new Error(reason || "there is no connection to the server"));
    }

    connection.on("opened", () => resolve(connection));
    socket.addEventListener("open", () => connection.open());
    socket.addEventListener("close", ({ code, reason }) => finish(code, fault || reason));
    socket.addEventListener("message", ({ data }) => {
      try {
        const message = decode(String(data));
        if (message) connection.handleMessage(message);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        connection.close(error.message);
      }
    });
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
  });
}
