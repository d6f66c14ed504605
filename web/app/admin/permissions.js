/**
 * What users and bearers of tokens may do: the name of a role, or a list.
 */
import { html, nothing } from "lit";
import { permissionsOf, permissionText } from "./permission-text.js";
import { w } from "./words.js";

/** The roles that every server has. */
export const ROLES = /** @type {const} */ (["op", "present", "message", "observe", "caption", "admin"]);

/** What tokens can give, one by one. */
export const PERMISSIONS = /** @type {const} */ ([
  "present",
  "message",
  "token",
  "op",
  "record",
  "caption",
  "admin",
]);

/**
 * A menu of the roles, and a field for everything else.
 * @param {string} id
 * @param {unknown} permissions
 * @param {(permissions: string | string[]) => void} choose
 */
export function permissionMenu(id, permissions, choose) {
  const role = ROLES.find((name) => name === permissions);
  const pick = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    choose(value === "" ? [] : value);
  };
  const type = (/** @type {Event} */ event) => {
    choose(permissionsOf(/** @type {HTMLInputElement} */ (event.target).value));
  };
  return html`<div class="permissions">
    <label class="vh" for=${id}>${w("permissions")}</label>
    <select id=${id} data-field="role" @change=${pick}>
      ${ROLES.map((name) => html`<option value=${name} ?selected=${name === role}>${w(`role.${name}`)}</option>`)}
      <option value="" ?selected=${role === undefined}>${w("role.other")}</option>
    </select>
    ${role === undefined
      ? html`<label class="vh" for="${id}-list">${w("permissions.list")}</label>
          <input
            id="${id}-list"
            data-field="permissions"
            autocapitalize="none"
            spellcheck="false"
            placeholder="present, message"
            .value=${permissionText(permissions)}
            @change=${type}
          />`
      : nothing}
  </div>`;
}
