/**
 * A front end of its own over the client library: joins, shows and sends pictures and sound, chats,
 * and comes back when the connection is lost.
 */
import { connect, decodeStatus, Session } from "/galene-client/index.js";

const status = decodeStatus(await (await fetch(".status")).json());
const session = new Session({
  connect: (signal) => connect(status.endpoint ?? "/ws", { signal }),
});
const state = document.querySelector("#state");
const videos = document.querySelector("#videos");

session.on("connected", ({ connection }) => {
  connection.on("stream", ({ stream }) => {
    const video = addVideo(stream.source.username);
    stream.on("negotiated", () => (video.srcObject = stream.media));
    stream.on("ended", () => video.remove());
  });
  connection.on("chat", ({ username, value }) => addLine(`${username}: ${value}`));
  connection.on("usermessage", ({ kind, privileged, value }) => {
    if (privileged && (kind === "error" || kind === "warning")) addLine(`Server: ${value}`);
  });
});
session.on("changed", () => (state.textContent = session.phase));
session.on("ended", ({ text }) => (state.textContent = `It is over. ${text}`));

document.querySelector("#join").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { username, password } = Object.fromEntries(new FormData(event.target));
  try {
    await session.join({ group: status.name, username, password });
  } catch (error) {
    state.textContent = `That did not work: ${error.message}`;
    return;
  }
  event.target.hidden = true;
  document.querySelector("#say").hidden = false;
  session.request({ "": ["audio", "video"] });
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  session.publish(media, { label: "camera" });
  const own = addVideo("You");
  own.muted = true;
  own.srcObject = media;
});

document.querySelector("#say").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.elements.text;
  session.connection?.chat(field.value);
  field.value = "";
});

function addVideo(name) {
  const video = document.createElement("video");
  Object.assign(video, { autoplay: true, playsInline: true, width: 320, title: name });
  videos.append(video);
  return video;
}

function addLine(text) {
  const line = document.createElement("li");
  // Text, never markup: anybody can say anything.
  line.textContent = text;
  document.querySelector("#chat").append(line);
}
