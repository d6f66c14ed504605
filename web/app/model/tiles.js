/**
 * What is on screen: who, with which picture, and in which state.
 *
 * @import { ClientId, Delivery, User } from "galene-client"
 * @import { Judgement } from "./quality.js"
 * @import { LayoutMode } from "./settings.js"
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
 * @property {string} reaction What they just reacted with; or empty
 * @property {Judgement | null} quality How well it comes through
 * @property {Delivery} delivery How much of it the server sends
 *
 * @typedef {object} Received A stream of somebody else
 * @property {string} id
 * @property {string} localId
 * @property {string} label
 * @property {{id: ClientId, username: string}} source
 * @property {MediaStream | null} media
 * @property {Delivery} delivery
 * @property {boolean} isConnecting
 *
 * @typedef {object} Scene
 * @property {ClientId} selfId
 * @property {string} selfName
 * @property {boolean} isMuted
 * @property {MediaStream | null} camera Our own picture
 * @property {Iterable<{key: string, media: MediaStream, isScreen: boolean}>} shares Our own
 * @property {Iterable<User>} users
 * @property {Iterable<Received>} streams
 * @property {ReadonlySet<string>} speaking Ids of streams; `""` is us
 * @property {string} latest Id of the stream in which somebody spoke last
 * @property {string} pinned Key of a tile, or empty
 * @property {LayoutMode} layout
 * @property {boolean} hideSelf
 * @property {boolean} showSilent
 * @property {ReadonlyMap<ClientId, string>} reactions
 * @property {(streamId: string) => Judgement | null} quality
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
      reaction: scene.reactions.get(scene.selfId) ?? "",
    },
  ];
  for (const { key, media, isScreen } of scene.shares) {
    const name = displayName(scene.selfName);
    const tile = { ...EMPTY, key: `own:${key}`, userId: scene.selfId, name, media };
    tiles.push({ ...tile, isSelf: true, isScreen });
  }
  for (const user of users) {
    if (user.id === scene.selfId || isSystem(user)) continue;
    tiles.push(...tilesOf(user, streams.filter(({ source }) => source.id === user.id), scene));
  }
  // A stream may come a moment before its publisher is announced.
  const unknown = streams.filter(({ source }) => !users.some(({ id }) => id === source.id));
  for (const stream of unknown) tiles.push(streamTile(stream, stream.source.username, scene));

  const isCrowd = tiles.length > MAX_WITH_SILENT;
  const shown = tiles.filter((tile) => {
    if (tile.isSelf) return tile.key !== "self" || !scene.hideSelf || tiles.length === 1;
    if (tile.streamId === "") return !isCrowd && scene.showSilent;
    return scene.showSilent || tile.media !== null || tile.isConnecting;
  });
  return setStage(shown, scene);
}

/**
 * @param {User} user
 * @param {Received[]} streams
 * @param {Scene} scene
 * @returns {Tile[]}
 */
function tilesOf(user, streams, scene) {
  const screens = streams.filter(isShared);
  const [camera, ...more] = streams.filter((stream) => !isShared(stream));
  const rest = [...more, ...screens].map((stream) => streamTile(stream, user.username, scene));
  if (!camera && !user.permissions.includes("present")) return rest;
  const hears = (/** @type {Received} */ { media }) => (media?.getAudioTracks().length ?? 0) > 0;
  const isMuted = user.data["muted"] === true || (streams.length > 0 && !streams.some(hears));
  const tile = camera
    ? streamTile(camera, user.username, scene)
    : { ...EMPTY, userId: user.id, name: displayName(user.username) };
  const key = `user:${user.id}`;
  const isPinned = scene.pinned === key;
  const reaction = scene.reactions.get(user.id) ?? "";
  return [{ ...tile, key, isMuted, isPinned, reaction, hasHand: hasHand(user) }, ...rest];
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
    isScreen: isShared(stream),
    media: hasPicture(stream.media) ? stream.media : null,
    isSpeaking: scene.speaking.has(stream.id),
    isConnecting: stream.isConnecting,
    quality: scene.quality(stream.id),
    delivery: stream.delivery,
  };
}

/**
 * What is pinned gets the stage. If nothing is, the screens and films of others do, unless all should
 * be equal; with the layout for one speaker, whoever spoke last.
 * @param {Tile[]} tiles
 * @param {Scene} scene
 */
function setStage(tiles, { pinned, layout, latest }) {
  const isStaged = chooseStage(tiles, pinned, layout, latest);
  return tiles.map((tile) => ({ ...tile, isPinned: tile.key === pinned, stage: isStaged(tile) }));
}

/**
 * @param {Tile[]} tiles
 * @param {string} pinned
 * @param {LayoutMode} layout
 * @param {string} latest
 * @returns {(tile: Tile) => boolean}
 */
function chooseStage(tiles, pinned, layout, latest) {
  if (tiles.some(({ key }) => key === pinned)) return ({ key }) => key === pinned;
  if (layout === "grid") return () => false;
  const isShare = (/** @type {Tile} */ tile) => tile.isScreen && !tile.isSelf;
  if (layout === "auto" || tiles.some(isShare)) return isShare;
  const others = tiles.filter(({ isSelf }) => !isSelf);
  const speaker = others.find(({ streamId }) => streamId !== "" && streamId === latest) ?? others[0];
  return (tile) => tile === speaker && tiles.length > 1;
}

/** Whether it is a screen or a film rather than a face. @param {Received} stream */
function isShared({ label }) {
  return label === "screenshare" || label === "video";
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
  reaction: "",
  quality: null,
  delivery: { status: "full", reason: "" },
};

/**
 * Returns the tiles of one page: what is on stage is on each of them.
 * @param {Tile[]} tiles
 * @param {number} perPage
 * @param {number} page Counted from 0; the last one if there are not so many
 * @returns {{tiles: Tile[], page: number, pages: number}}
 */
export function paginate(tiles, perPage, page) {
  const others = tiles.filter(({ stage }) => !stage);
  const pages = Math.max(1, Math.ceil(others.length / perPage));
  const current = Math.min(Math.max(0, page), pages - 1);
  const shown = new Set(others.slice(current * perPage, (current + 1) * perPage));
  return { tiles: tiles.filter((tile) => tile.stage || shown.has(tile)), page: current, pages };
}
