/**
 * What is on screen: who, with which picture, and in which state.
 *
 * @import { ClientId, User } from "galene-client"
 *
 * @typedef {object} Tile
 * @property {string} key Stays the same while a camera comes and goes
 * @property {ClientId} userId
 * @property {string} streamId Empty for our own, and for somebody who sends nothing
 * @property {string} name
 * @property {boolean} isSelf
 * @property {boolean} isScreen
 * @property {MediaStream | null} media Set only if there is a picture in it
 * @property {boolean} isMuted
 * @property {boolean} isSpeaking
 * @property {boolean} isConnecting
 * @property {boolean} hasHand
 * @property {boolean} isPinned
 * @property {boolean} stage Whether it gets most of the space
 *
 * @typedef {object} Received A stream of somebody else
 * @property {string} id
 * @property {string} localId
 * @property {string} label
 * @property {{id: ClientId, username: string}} source
 * @property {MediaStream | null} media
 * @property {boolean} isConnecting
 *
 * @typedef {object} Scene
 * @property {ClientId} selfId
 * @property {string} selfName
 * @property {boolean} isMuted
 * @property {MediaStream | null} camera Our own picture
 * @property {Iterable<[string, MediaStream]>} screens Our own, by a key
 * @property {Iterable<User>} users
 * @property {Iterable<Received>} streams
 * @property {ReadonlySet<string>} speaking Ids of streams; `""` is us
 * @property {string} pinned Key of a tile, or empty
 */
import { displayName } from "./text.js";

/** Beyond this, those who send nothing have no tile; they are still in the list of people. */
const MAX_WITH_SILENT = 16;

/**
 * Returns the tiles in the order in which they are shown: ourselves, then everybody as they came.
 * @param {Scene} scene
 * @returns {Tile[]}
 */
export function buildTiles(scene) {
  const users = [...scene.users];
  const streams = [...scene.streams];
  const self = users.find(({ id }) => id === scene.selfId);
  /** @type {Tile[]} */
  const tiles = [
    {
      ...EMPTY,
      key: "self",
      userId: scene.selfId,
      name: displayName(scene.selfName),
      isSelf: true,
      media: scene.camera,
      isMuted: scene.isMuted,
      isSpeaking: scene.speaking.has("") && !scene.isMuted,
      hasHand: hasHand(self),
    },
  ];
  for (const [key, media] of scene.screens) {
    const name = displayName(scene.selfName);
    const tile = { ...EMPTY, key: `own:${key}`, userId: scene.selfId, name, media };
    tiles.push({ ...tile, isSelf: true, isScreen: true });
  }
  for (const user of users) {
    if (user.id === scene.selfId || isSystem(user)) continue;
    tiles.push(...tilesOf(user, streams.filter(({ source }) => source.id === user.id), scene));
  }
  // A stream may come a moment before its publisher is announced.
  const unknown = streams.filter(({ source }) => !users.some(({ id }) => id === source.id));
  for (const stream of unknown) tiles.push(streamTile(stream, stream.source.username, scene));

  const isSilent = (/** @type {Tile} */ tile) => tile.streamId === "" && !tile.isSelf;
  const shown = tiles.length > MAX_WITH_SILENT ? tiles.filter((tile) => !isSilent(tile)) : tiles;
  return setStage(shown, scene.pinned);
}

/**
 * @param {User} user
 * @param {Received[]} streams
 * @param {Scene} scene
 * @returns {Tile[]}
 */
function tilesOf(user, streams, scene) {
  const screens = streams.filter(({ label }) => label === "screenshare");
  const [camera, ...more] = streams.filter(({ label }) => label !== "screenshare");
  const rest = [...more, ...screens].map((stream) => streamTile(stream, user.username, scene));
  if (!camera && !user.permissions.includes("present")) return rest;
  const hears = (/** @type {Received} */ { media }) => (media?.getAudioTracks().length ?? 0) > 0;
  const isMuted = user.data["muted"] === true || (streams.length > 0 && !streams.some(hears));
  const tile = camera
    ? streamTile(camera, user.username, scene)
    : { ...EMPTY, userId: user.id, name: displayName(user.username) };
  const key = `user:${user.id}`;
  const isPinned = scene.pinned === key;
  return [{ ...tile, key, isMuted, isPinned, hasHand: hasHand(user) }, ...rest];
}

/**
 * @param {Received} stream
 * @param {string} username
 * @param {Scene} scene
 * @returns {Tile}
 */
function streamTile(stream, username, scene) {
  const key = `stream:${stream.localId}`;
  return {
    ...EMPTY,
    key,
    userId: stream.source.id,
    streamId: stream.id,
    name: displayName(username),
    isScreen: stream.label === "screenshare",
    media: hasPicture(stream.media) ? stream.media : null,
    isSpeaking: scene.speaking.has(stream.id),
    isConnecting: stream.isConnecting,
  };
}

/**
 * What is pinned gets the stage; if nothing is, the screens of others do.
 * @param {Tile[]} tiles
 * @param {string} pinned
 */
function setStage(tiles, pinned) {
  const isPinned = tiles.some(({ key }) => key === pinned);
  return tiles.map((tile) => ({
    ...tile,
    isPinned: tile.key === pinned,
    stage: isPinned ? tile.key === pinned : tile.isScreen && !tile.isSelf,
  }));
}

/** @param {MediaStream | null} media */
function hasPicture(media) {
  return media?.getVideoTracks().some(({ readyState }) => readyState === "live") ?? false;
}

/** @param {User | undefined} user */
export function hasHand(user) {
  return user?.data["raisehand"] === true;
}

/** Whether it is a part of the server, such as a recorder. @param {User} user */
export function isSystem(user) {
  return user.permissions.includes("system");
}

/** @type {Readonly<Tile>} */
const EMPTY = {
  key: "",
  userId: "",
  streamId: "",
  name: "",
  isSelf: false,
  isScreen: false,
  media: null,
  isMuted: false,
  isSpeaking: false,
  isConnecting: false,
  hasHand: false,
  isPinned: false,
  stage: false,
};
