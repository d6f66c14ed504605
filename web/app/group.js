/**
 * The page of a group.
 */
import { useLanguage } from "./i18n/index.js";
import { groupOf } from "./model/address.js";
import { Call } from "./model/call.js";
import { takeToken } from "./model/login.js";
import { RecentGroups } from "./model/recent.js";
import { browserStore, Settings } from "./model/settings.js";
import { applyTheme } from "./theme.js";
import { GroupPage } from "./views/group-page.js";

const settings = new Settings(browserStore());
applyTheme(settings.values.theme);
const token = takeToken(location, history);
await useLanguage(settings.values.language);
const page = document.querySelector("group-page");
customElements.define("group-page", GroupPage);
if (page instanceof GroupPage) {
  const call = new Call(groupOf(location.pathname), settings, token);
  const recent = new RecentGroups(browserStore());
  call.session.on("joined", () => recent.add({ name: call.group, title: call.title }));
  page.show(call);
}
