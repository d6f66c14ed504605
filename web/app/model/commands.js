/**
 * What the commands of the chat do.
 *
 * @import { CommandName, Token, User } from "galene-client"
 * @import { Call } from "./call.js"
 */
import { availableCommands, COMMANDS, parseExpiry, RequestError, tokenOf, validity } from "galene-client";
import { clockTime, t } from "../i18n/index.js";
import { displayName } from "./text.js";

/** How long an invitation lasts if nothing else is said. */
export const INVITATION_MS = 24 * 3_600_000;

/** What a command was given that it cannot use. */
export class CommandError extends Error {
  /** @override */
  name = "CommandError";
}

/**
 * @param {Call} call
 * @param {CommandName} name
 * @param {string[]} values
 * @returns {Promise<void>}
 * @throws {CommandError | RequestError}
 */
export async function runCommand(call, name, values) {
  const [first = "", second = ""] = values;
  const { moderation, tokens, session } = call;
  const self = call.self;
  if (!moderation || !tokens || !self) return;
  switch (name) {
    case "help":
      return call.chat.note(help(call.permissions));
    case "me":
      return;
    case "msg":
      call.conversation.tell(second, "", userCalled(call, first).id);
      return;
    case "leave":
      return call.leave();
    case "clear":
      return moderation.clearChat();
    case "lock":
      return moderation.lock(first);
    case "unlock":
      return moderation.unlock();
    case "record":
      return moderation.record();
    case "unrecord":
      return moderation.unrecord();
    case "subgroups":
      return moderation.subgroups();
    case "invite": {
      const permissions = ["present", "message"].filter((each) => call.may(each));
      const expires = timeGiven(second);
      const token = await tokens.make({ username: first, permissions, expires });
      return call.chat.note(`${t("invite.made")} ${call.linkTo(token)}`);
    }
    case "reinvite": {
      const token = await tokens.edit(tokenOf(first), { expires: timeGiven(second) });
      return call.chat.note(describe(call, token));
    }
    case "revoke":
      return call.chat.note(describe(call, await tokens.revoke(tokenOf(first))));
    case "listtokens": {
      const all = await tokens.list();
      const lines = all.map((token) => describe(call, token));
      return call.chat.note(lines.join("\n") || t("invite.none"));
    }
    case "renegotiate":
      return call.connection?.restartIce();
    case "replace":
      return call.publisher.republish();
    case "sharescreen":
      return call.shareScreen();
    case "unsharescreen":
      return call.publisher.stopAll("screenshare");
    case "presentfile":
      return call.emit("wanted", { what: "presentfile", user: null });
    case "sendfile":
      return call.emit("wanted", { what: "sendfile", user: userCalled(call, first) });
    case "kick":
      return moderation.kick(userCalled(call, first).id, second);
    case "identify":
      return moderation.identify(userCalled(call, first).id);
    case "op":
    case "unop":
    case "present":
    case "unpresent":
    case "shutup":
    case "unshutup":
      return moderation.change(userCalled(call, first).id, name);
    case "mute":
      return moderation.mute(userCalled(call, first).id);
    case "muteall":
      return call.muteAll();
    case "warn":
      return moderation.warn(userCalled(call, first).id, second);
    case "wall":
      return moderation.warn("", first);
    case "raise":
      return call.raiseHand(true);
    case "unraise":
      return call.raiseHand(false);
    case "set":
      return set(call, first, second);
    case "unset":
      call.settings.reset(first);
      return apply(call, first);
    case "relay-test":
      return call.chat.note(await testRelay(session.connection?.rtcConfiguration ?? {}));
    default:
      /** @satisfies {never} */ (name);
  }
}

/**
 * Returns how a command is written.
 * @param {CommandName} name
 */
export function usage(name) {
  const { parameters, required } = COMMANDS[name];
  const words = parameters.map((parameter, index) => {
    const word = t(`parameter.${parameter}`);
    return index < required ? word : `[${word}]`;
  });
  return [`/${name}`, ...words].join(" ");
}

/** @param {readonly string[]} permissions */
function help(permissions) {
  return availableCommands(permissions)
    .map((name) => `${usage(name)} – ${explanation(name)}`)
    .join("\n");
}

/**
 * @param {CommandName} name
 */
export function explanation(name) {
  return t(/** @type {import("../i18n/index.js").Key} */ (`command.${name}`));
}

/**
 * @param {Call} call
 * @param {string} name
 * @returns {User}
 */
function userCalled(call, name) {
  const users = [...(call.connection?.users.values() ?? [])];
  const user = users.find(({ id }) => id === name) ?? users.find(({ username }) => username === name);
  if (!user) throw new CommandError(t("command.noUser", { name }));
  return user;
}

/** @param {string} text */
function timeGiven(text) {
  const now = new Date();
  if (text === "") return new Date(now.getTime() + INVITATION_MS);
  const time = parseExpiry(text, now);
  if (!time) throw new CommandError(t("command.noTime", { text }));
  return time;
}

/**
 * @param {Call} call
 * @param {Token} token
 */
function describe(call, token) {
  const until = token.expires ? clockTime(token.expires) : "";
  const state = validity(token, new Date()) === "expired" ? t("invite.expired") : t("invite.until", { time: until });
  return `${displayName(token.username ?? t("invite.anybody"))}: ${state} ${call.linkTo(token)}`;
}

/**
 * @param {Call} call
 * @param {string} key
 * @param {string} text
 */
function set(call, key, text) {
  if (key === "") return call.chat.note(JSON.stringify(call.settings.values, null, 2));
  /** @type {unknown} */
  let value = true;
  try {
    if (text !== "") value = JSON.parse(text);
  } catch {
    value = text;
  }
  if (!call.settings.accept(key, value)) throw new CommandError(t("command.noSetting", { name: key }));
  apply(call, key);
}

/**
 * Lets a setting count at once that nobody would expect to wait.
 * @param {Call} call
 * @param {string} key
 */
function apply(call, key) {
  if (key === "forceRelay") call.applyRelay();
}

/** How long a relay may take to answer. */
const RELAY_TEST_MS = 5000;

/**
 * Sends something to ourselves through the relays that the server names.
 * @param {RTCConfiguration} configuration
 * @returns {Promise<string>}
 */
async function testRelay(configuration) {
  const started = performance.now();
  const here = new RTCPeerConnection({ ...configuration, iceTransportPolicy: "relay" });
  const there = new RTCPeerConnection({ ...configuration, iceTransportPolicy: "relay" });
  try {
    for (const [from, to] of /** @type {const} */ ([[here, there], [there, here]])) {
      from.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate) to.addIceCandidate(candidate).catch(() => {});
      });
    }
    const channel = here.createDataChannel("test");
    const arrived = new Promise((resolve) => {
      channel.addEventListener("open", () => resolve(true));
      setTimeout(() => resolve(false), RELAY_TEST_MS);
    });
    await here.setLocalDescription(await here.createOffer());
    await there.setRemoteDescription(here.localDescription ?? { type: "offer", sdp: "" });
    await there.setLocalDescription(await there.createAnswer());
    await here.setRemoteDescription(there.localDescription ?? { type: "answer", sdp: "" });
    const ms = Math.round(performance.now() - started);
    return (await arrived) ? t("relay.works", { ms }) : t("relay.fails");
  } finally {
    here.close();
    there.close();
  }
}
