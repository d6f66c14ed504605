/**
 * The page on which users change their own password: `?group=NAME&username=NAME` fill it in.
 */
import { html, LitElement } from "lit";
import { t, useLanguage } from "./i18n/index.js";
import { browserStore, Settings } from "./model/settings.js";
import { applyTheme } from "./theme.js";
import "./views/password-form.js";

class ChangePasswordPage extends LitElement {
  /** @override */
  createRenderRoot() {
    return this;
  }

  /** @override */
  async firstUpdated() {
    // The form renders a moment after it was put here.
    const form = this.querySelector("password-form");
    if (form instanceof LitElement) await form.updateComplete;
    const inputs = [...this.querySelectorAll("input")];
    inputs.find(({ value }) => value === "")?.focus();
  }

  /** @override */
  render() {
    const query = new URLSearchParams(location.search);
    return html`<main class="sign-in">
      <header class="brand">
        <img src=${new URL("./icon.svg", import.meta.url).href} alt="" width="40" height="40" />
        <h1>${t("password.change")}</h1>
      </header>
      <div class="card">
        <password-form
          .asksWho=${true}
          .group=${query.get("group") ?? ""}
          .username=${query.get("username") ?? ""}
        ></password-form>
      </div>
    </main>`;
  }
}

const settings = new Settings(browserStore());
applyTheme(settings.values.theme);
await useLanguage(settings.values.language);
document.title = `${t("password.change")} – Galène`;
customElements.define("change-password-page", ChangePasswordPage);
