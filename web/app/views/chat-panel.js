/**
 * What is said, and where one says something.
 * @import { Entry } from "../model/chat.js"
 * @import { View } from "./group-page.js"
 */
import { html, live, nothing, repeat } from "lit";
import { displayName, linkify } from "../model/text.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** @param {View} view */
export function chatPanel(view) {
  const { call, set } = view;
  const { entries } = call.chat;
  return html`<aside class="panel" aria-label="Chat" data-panel="chat">
    <header class="panel-head">
      <h2>Chat</h2>
      <button
        class="icon-btn"
        type="button"
        aria-label="Close the chat"
        @click=${() => set({ panel: null })}
      >
        ${icon("x")}
      </button>
    </header>
    <chat-scroller role="log" aria-label="Messages" aria-live="off" tabindex="0">
      ${entries.length === 0
        ? html`<p class="empty">Nothing has been said yet.</p>`
        : repeat(
            entries,
            ({ key }) => key,
            (entry) => message(view, entry),
          )}
    </chat-scroller>
    ${call.may("message") || call.phase === "lost"
      ? composer(view)
      : html`<p class="composer quiet">You may not write here.</p>`}
  </aside>`;
}

/**
 * @param {View} view
 * @param {Entry} entry
 */
function message(view, entry) {
  const from = displayName(entry.from);
  const { time } = entry;
  return html`<article
    class="message"
    data-message
    ?data-own=${entry.isOwn}
    ?data-private=${entry.isPrivate}
    ?data-follows=${entry.follows}
  >
    ${entry.follows
      ? nothing
      : html`<header>
          <strong>${entry.isOwn ? "You" : from}${entry.isPrivate ? ` → ${entry.isOwn ? entry.to : "you"}` : ""}</strong>
          ${time ? html`<time datetime=${time.toISOString()}>${TIME.format(time)}</time>` : nothing}
          ${entry.isPrivate ? html`<span class="pill small">Private</span>` : nothing}
        </header>`}
    <p class="text">${entry.isAction ? html`<em>${from} </em>` : nothing}${words(entry.text)}</p>
    ${view.call.may("op") && entry.source !== "" && !entry.isPrivate ? messageMenu(view, entry) : nothing}
  </article>`;
}

/** @param {string} text */
function words(text) {
  return linkify(text).map(({ text: part, href }) =>
    href ? html`<a href=${href} target="_blank" rel="noopener noreferrer">${part}</a>` : part,
  );
}

/**
 * @param {View} view
 * @param {Entry} entry
 */
function messageMenu({ call }, { id, source, from }) {
  const one = { label: "Delete message", icon: "eraser", run: () => call.clearChat({ id, userId: source }) };
  const all = {
    label: `Delete all from ${displayName(from)}`,
    icon: "eraser",
    run: () => call.clearChat({ userId: source }),
    isDangerous: true,
  };
  return html`<div class="message-menu">
    ${menu({ label: "Actions for this message", icon: "ellipsis", items: id === "" ? [all] : [one, all] })}
  </div>`;
}

/** @param {View} view */
function composer({ call, ui, set }) {
  const { others } = call;
  const recipient = others.find(({ id }) => id === ui.recipient);
  const send = (/** @type {HTMLFormElement} */ form) => {
    const field = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("text"));
    if (call.say(field.value, recipient?.id ?? "")) field.value = "";
    field.focus();
  };
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    send(/** @type {HTMLFormElement} */ (event.target));
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    const { form } = /** @type {HTMLTextAreaElement} */ (event.target);
    if (form) send(form);
  };
  const choose = (/** @type {Event} */ event) => {
    set({ recipient: /** @type {HTMLSelectElement} */ (event.target).value });
  };
  return html`<form class="composer" @submit=${submit}>
    <label class="to">
      To
      <select data-recipient .value=${live(recipient?.id ?? "")} @change=${choose}>
        <option value="">Everyone</option>
        ${others.map(
          ({ id, username }) => html`<option value=${id} ?selected=${id === recipient?.id}>
            ${displayName(username)} (private)
          </option>`,
        )}
      </select>
    </label>
    <div class="row">
      <textarea
        name="text"
        rows="1"
        aria-label=${recipient ? `Private message to ${displayName(recipient.username)}` : "Message to everyone"}
        placeholder=${recipient ? "Private message" : "Message to everyone"}
        ?disabled=${call.phase === "lost"}
        @keydown=${key}
      ></textarea>
      <button class="btn primary square" aria-label="Send" ?disabled=${call.phase === "lost"}>
        ${icon("send-horizontal")}
      </button>
    </div>
  </form>`;
}
