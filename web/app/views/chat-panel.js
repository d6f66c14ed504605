/**
 * What is said, and where one says something.
 * @import { Entry } from "../model/chat.js"
 * @import { View } from "./group-page.js"
 */
import { availableCommands } from "galene-client";
import { html, live, nothing, repeat } from "lit";
import { clockTime, t } from "../i18n/index.js";
import { explanation, usage } from "../model/commands.js";
import { displayName, linkify } from "../model/text.js";
import { isSystem } from "../model/tiles.js";
import { ChatScroller } from "./chat-scroller.js";
import { transferList } from "./file-items.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";

/** @param {View} view */
export function chatPanel(view) {
  const { call, set } = view;
  const { entries, firstUnread } = call.chat;
  return html`<aside class="panel" aria-label=${t("chat")} data-panel="chat">
    <header class="panel-head">
      <h2>${t("chat")}</h2>
      <button
        class="icon-btn"
        type="button"
        aria-label=${t("chat.close")}
        @click=${() => set({ panel: null })}
      >
        ${icon("x")}
      </button>
    </header>
    <chat-scroller role="log" aria-label=${t("chat.messages")} aria-live="off" tabindex="0">
      ${entries.length === 0
        ? html`<p class="empty">${t("chat.empty")}</p>`
        : repeat(
            entries,
            ({ key }) => key,
            (entry) => html`
              ${entry.key === firstUnread ? html`<p class="divider" data-unread>${t("chat.new")}</p>` : nothing}
              ${message(view, entry)}
            `,
          )}
    </chat-scroller>
    <button class="btn small latest" type="button" data-action="latest" @click=${showLatest}>
      ${icon("arrow-down")} ${t("chat.latest")}
    </button>
    ${transferList(call)}
    ${call.may("message") || call.phase === "lost"
      ? composer(view)
      : html`<p class="composer quiet">${t("chat.forbidden")}</p>`}
  </aside>`;
}

/** @param {Event} event */
function showLatest({ currentTarget }) {
  const scroller = /** @type {HTMLElement} */ (currentTarget).previousElementSibling;
  if (!(scroller instanceof ChatScroller)) throw new Error("there is no chat");
  scroller.toEnd();
  // The button goes away.
  scroller.focus();
}

/**
 * @param {View} view
 * @param {Entry} entry
 */
function message(view, entry) {
  const from = displayName(entry.from);
  const { time } = entry;
  const you = entry.isOwn ? entry.to : t("you");
  return html`<article
    class="message"
    data-message
    ?data-own=${entry.isOwn}
    ?data-private=${entry.isPrivate}
    ?data-note=${entry.isNote}
    ?data-follows=${entry.follows}
  >
    ${entry.follows
      ? nothing
      : html`<header>
          <strong>${entry.isOwn ? t("chat.you") : from}${entry.isPrivate ? ` → ${you}` : ""}</strong>
          ${time ? html`<time datetime=${time.toISOString()}>${clockTime(time)}</time>` : nothing}
          ${entry.isPrivate ? html`<span class="pill small">${t("chat.private")}</span>` : nothing}
          ${entry.isNote ? html`<span class="pill small">${t("chat.note")}</span>` : nothing}
        </header>`}
    <p class="text" dir="auto">${entry.isAction ? html`<em>${from} </em>` : nothing}${words(entry.text)}</p>
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
  const clear = (/** @type {{userId: string, id?: string}} */ what) => call.moderation?.clearChat(what);
  const one = { label: t("chat.delete"), icon: "eraser", run: () => clear({ id, userId: source }), name: "delete" };
  const all = {
    label: t("chat.deleteAll", { name: displayName(from) }),
    icon: "eraser",
    run: () => clear({ userId: source }),
    isDangerous: true,
    name: "delete-all",
  };
  return html`<div class="message-menu">
    ${menu({ label: t("chat.actions"), icon: "ellipsis", items: id === "" ? [all] : [one, all] })}
  </div>`;
}

/** @param {View} view */
function composer({ call, ui, set }) {
  const others = call.others.filter((user) => !isSystem(user));
  const recipient = others.find(({ id }) => id === ui.recipient);
  const send = (/** @type {HTMLFormElement} */ form) => {
    const field = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("text"));
    if (call.conversation.say(field.value, recipient?.id ?? "")) field.value = "";
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
  const label = recipient
    ? t("chat.privateTo", { name: displayName(recipient.username) })
    : t("chat.toEveryone");
  return html`<form class="composer" @submit=${submit}>
    <label class="to">
      ${t("chat.to")}
      <select data-recipient .value=${live(recipient?.id ?? "")} @change=${choose}>
        <option value="">${t("chat.everyone")}</option>
        ${others.map(
          ({ id, username }) => html`<option value=${id} ?selected=${id === recipient?.id}>
            ${t("chat.toOne", { name: displayName(username) })}
          </option>`,
        )}
      </select>
    </label>
    <command-field class="row">
      <textarea
        name="text"
        rows="1"
        dir="auto"
        aria-label=${label}
        aria-autocomplete="list"
        aria-controls="commands"
        placeholder=${recipient ? t("chat.privatePlaceholder") : t("chat.placeholder")}
        ?disabled=${call.phase === "lost"}
        @keydown=${key}
      ></textarea>
      <button class="btn primary square" aria-label=${t("chat.send")} ?disabled=${call.phase === "lost"}>
        ${icon("send-horizontal")}
      </button>
      <ul class="commands" id="commands" role="listbox" aria-label=${t("chat.commands")} hidden>
        ${availableCommands(call.permissions).map(
          (name) => html`<li role="option" id="command-${name}" data-word="/${name}" aria-selected="false" hidden>
            <strong>${usage(name)}</strong> <span class="quiet">${explanation(name)}</span>
          </li>`,
        )}
      </ul>
    </command-field>
  </form>`;
}
