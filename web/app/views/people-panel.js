/**
 * Who is here.
 * @import { User } from "galene-client"
 * @import { View } from "./group-page.js"
 */
import { html, nothing, repeat } from "lit";
import { t } from "../i18n/index.js";
import { displayName, hueOf, initials } from "../model/text.js";
import { isSystem } from "../model/tiles.js";
import { icon } from "./icon.js";
import { menu } from "./menu-button.js";
import { groupItems } from "./group-items.js";
import { selfItems, userItems } from "./user-items.js";

/** @param {View} view */
export function peoplePanel(view) {
  const { call, set } = view;
  const { self } = call;
  const users = [...(self ? [self] : []), ...sorted(view)];
  return html`<aside class="panel" aria-label=${t("people")} data-panel="people">
    <header class="panel-head">
      <h2>${t("people")} <span class="count">${users.length}</span></h2>
      <button
        class="icon-btn"
        type="button"
        aria-label=${t("people.close")}
        @click=${() => set({ panel: null })}
      >
        ${icon("x")}
      </button>
    </header>
    ${tools(view)}
    <ul class="people" role="list">
      ${repeat(
        users,
        ({ id }) => id,
        (user) => person(view, user),
      )}
    </ul>
  </aside>`;
}

/** @param {View} view */
function tools(view) {
  const { call, set } = view;
  if (!call.may("op")) return nothing;
  return html`<div class="panel-tools">
    <button class="btn small" type="button" data-action="mute-all" @click=${() => call.muteAll()}>
      ${icon("mic-off")} ${t("muteAll.short")}
    </button>
    ${call.isLocked
      ? html`<button
          class="btn small"
          type="button"
          data-action="unlock"
          @click=${() => call.moderation?.unlock()}
        >
          ${icon("lock-open")} ${t("unlock.short")}
        </button>`
      : html`<button
          class="btn small"
          type="button"
          data-action="lock"
          @click=${() => set({ dialog: { kind: "lock" } })}
        >
          ${icon("lock")} ${t("lock.short")}
        </button>`}
    <span class="space"></span>
    ${menu({ label: t("group.actions"), icon: "ellipsis", items: groupItems(view) })}
  </div>`;
}

/**
 * @param {View} view
 * @param {User} user
 */
function person(view, user) {
  const { call } = view;
  const isSelf = user.id === call.connection?.id;
  const name = displayName(user.username);
  const items = isSelf ? selfItems(view) : isSystem(user) ? [] : userItems(view, user);
  const hand = call.attention.hands.indexOf(user.id);
  return html`<li class="person" data-user=${user.id} data-name=${name}>
    <span class="avatar small" data-hue=${hueOf(name)} aria-hidden="true">${initials(name)}</span>
    <span class="person-name">
      <span>${isSelf ? t("name.you", { name }) : name}</span>
      ${role(user)}
    </span>
    ${hand >= 0
      ? html`<span class="mark hand">
          ${icon("hand")}<span aria-hidden="true">${hand + 1}</span>
          <span class="vh">${t("hand.order", { place: hand + 1 })}</span>
        </span>`
      : nothing}
    ${user.data["muted"] === true
      ? html`<span class="mark">${icon("mic-off")}<span class="vh">${t("muted")}</span></span>`
      : nothing}
    ${items.length === 0 ? nothing : menu({ label: t("user.actions", { name }), icon: "ellipsis", items })}
  </li>`;
}

/** @param {User} user */
function role(user) {
  if (isSystem(user)) return html`<small>${t("role.system")}</small>`;
  if (user.permissions.includes("op")) return html`<small>${t("role.op")}</small>`;
  if (!user.permissions.includes("present")) return html`<small>${t("role.listener")}</small>`;
  return nothing;
}

/**
 * Raised hands first, in their order; then by name, the anonymous last.
 * @param {View} view
 */
function sorted({ call }) {
  const { hands } = call.attention;
  const rank = (/** @type {User} */ { id, username }) => {
    const hand = hands.indexOf(id);
    if (hand >= 0) return hand - hands.length;
    return username === "" ? 1 : 0;
  };
  return call.others.sort(
    (a, b) => rank(a) - rank(b) || a.username.localeCompare(b.username, undefined, { numeric: true }),
  );
}
