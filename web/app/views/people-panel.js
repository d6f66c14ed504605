/**
 * Who is here.
 * @import { User } from "galene-client"
 * @import { View } from "./group-page.js"
 */
import { html, nothing, repeat } from "lit";
import { displayName, hueOf, initials } from "../model/text.js";
import { hasHand, isSystem } from "../model/tiles.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";
import { userItems } from "./user-items.js";

/** @param {View} view */
export function peoplePanel(view) {
  const { call, set } = view;
  const { self } = call;
  const users = [...(self ? [self] : []), ...sorted(call.others)];
  return html`<aside class="panel" aria-label="People" data-panel="people">
    <header class="panel-head">
      <h2>People <span class="count">${users.length}</span></h2>
      <button
        class="icon-btn"
        type="button"
        aria-label="Close the list of people"
        @click=${() => set({ panel: null })}
      >
        ${icon("x")}
      </button>
    </header>
    ${call.may("op")
      ? html`<div class="panel-tools">
          <button class="btn small" type="button" data-action="mute-all" @click=${() => call.muteAll()}>
            ${icon("mic-off")} Mute all
          </button>
          ${call.isLocked
            ? html`<button class="btn small" type="button" data-action="unlock" @click=${() => call.unlock()}>
                ${icon("lock-open")} Unlock
              </button>`
            : html`<button
                class="btn small"
                type="button"
                data-action="lock"
                @click=${() => set({ dialog: { kind: "lock" } })}
              >
                ${icon("lock")} Lock
              </button>`}
        </div>`
      : nothing}
    <ul class="people" role="list">
      ${repeat(
        users,
        ({ id }) => id,
        (user) => person(view, user),
      )}
    </ul>
  </aside>`;
}

/**
 * @param {View} view
 * @param {User} user
 */
function person(view, user) {
  const isSelf = user.id === view.call.connection?.id;
  const name = displayName(user.username);
  const items = isSelf || isSystem(user) ? [] : userItems(view, user);
  return html`<li class="person" data-user=${user.id} data-name=${name}>
    <span class="avatar small" data-hue=${hueOf(name)} aria-hidden="true">${initials(name)}</span>
    <span class="person-name">
      <span>${name}${isSelf ? " (you)" : ""}</span>
      ${role(user)}
    </span>
    ${hasHand(user)
      ? html`<span class="mark hand">${icon("hand")}<span class="vh">Hand raised</span></span>`
      : nothing}
    ${user.data["muted"] === true
      ? html`<span class="mark">${icon("mic-off")}<span class="vh">Muted</span></span>`
      : nothing}
    ${items.length === 0 ? nothing : menu({ label: `Actions for ${name}`, icon: "ellipsis", items })}
  </li>`;
}

/** @param {User} user */
function role(user) {
  if (isSystem(user)) return html`<small>Part of the server</small>`;
  if (user.permissions.includes("op")) return html`<small>Operator</small>`;
  if (!user.permissions.includes("present")) return html`<small>Listens</small>`;
  return nothing;
}

/** Raised hands first, then by name; the anonymous last. @param {User[]} users */
function sorted(users) {
  const rank = (/** @type {User} */ user) => (hasHand(user) ? 0 : user.username === "" ? 2 : 1);
  return users.sort(
    (a, b) => rank(a) - rank(b) || a.username.localeCompare(b.username, undefined, { numeric: true }),
  );
}
