/**
 * The administrator's page.
 */
import { AdminError } from "galene-client/admin";
import { AdminPage } from "./admin/admin-page.js";
import { takeEntry } from "./admin/place.js";
import { useWords } from "./admin/words.js";
import { useLanguage } from "./i18n/index.js";
import { browserStore, Settings } from "./model/settings.js";
import { applyTheme } from "./theme.js";

const settings = new Settings(browserStore());
applyTheme(settings.values.theme);
const { token, group } = takeEntry(location, history);
await useLanguage(settings.values.language);
await useWords();
const page = document.querySelector("admin-page");
customElements.define("admin-page", AdminPage);
if (page instanceof AdminPage) {
  page.settings = settings;
  page.wanted = group;
  if (token !== "") {
    await page.office.open({ credentials: { token }, group }).catch((error) => {
      // A token that is good no more leaves the form for a name and a password.
      if (!(error instanceof AdminError)) throw error;
    });
  }
  page.requestUpdate();
}
