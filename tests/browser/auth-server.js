/**
 * A server that knows the users of a group, and vouches for them.
 */
import { createHmac, randomBytes } from "node:crypto";
import http from "node:http";

/** Who is known there, and by which password. */
const USERS = { Vimes: "badge" };

export class AuthServer {
  #server = http.createServer((request, response) => this.#answer(request, response));
  #secret = randomBytes(32);
  /** The address of the group that the portal leads to. */
  portalOf = "";

  static async start() {
    const auth = new AuthServer();
    await new Promise((resolve) => auth.#server.listen(0, "127.0.0.1", () => resolve(null)));
    return auth;
  }

  get url() {
    const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${address.port}`;
  }

  /** The key for a group's definition. */
  get key() {
    return { kty: "oct", alg: "HS256", k: this.#secret.toString("base64url"), kid: "test" };
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   */
  async #answer(request, response) {
    const url = new URL(request.url ?? "/", this.url);
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "Content-Type");
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    if (url.pathname === "/portal") {
      // Whoever comes here has shown who they are in ways that do not matter to the group.
      const link = new URL(this.portalOf);
      link.searchParams.set("token", this.#token("Vimes", this.portalOf));
      return response.writeHead(303, { Location: link.href }).end();
    }
    let body = "";
    for await (const part of request) body += part;
    const { location, username, password } = JSON.parse(body);
    if (username === "Olga") return response.writeHead(204).end();
    if (USERS[username] !== password) return response.writeHead(403).end();
    response.writeHead(200, { "Content-Type": "application/jwt" }).end(this.#token(username, location));
  }

  /**
   * @param {string} name
   * @param {string} group The address of its page
   */
  #token(name, group) {
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: name, aud: group, permissions: ["present", "message"], iat: now, exp: now + 30, iss: this.url };
    const encode = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${encode({ alg: "HS256", typ: "JWT", kid: "test" })}.${encode(claims)}`;
    return `${text}.${createHmac("sha256", this.#secret).update(text).digest("base64url")}`;
  }
}
