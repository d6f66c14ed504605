/**
 * What operators can do with the group.
 * @import { View } from "./group-page.js"
 * @import { Item } from "./menu-button.js"
 */
import { t } from "../i18n/index.js";
import { recordingsPathOf } from "../model/address.js";

/**
 * @param {View} view
 * @returns {Item[]}
 */
export function groupItems({ call, set }) {
  /** @type {Item[]} */
  const items = [];
  const { moderation } = call;
  if (call.may("record")) {
    items.push(
      call.isRecorded
        ? { label: t("record.stop"), icon: "circle-stop", run: () => moderation?.unrecord(), name: "unrecord" }
        : {
            label: t("record.start"),
            icon: "circle-dot",
            run: () => set({ dialog: { kind: "record" } }),
            name: "record",
          },
      {
        label: t("recordings"),
        icon: "film",
        run: () => void open(recordingsPathOf(call.group), "_blank", "noopener"),
        name: "recordings",
      },
    );
  }
  if (!call.may("op")) return items;
  items.push(
    { label: t("muteAll"), icon: "mic-off", run: () => call.muteAll(), name: "mute-all" },
    call.isLocked
      ? { label: t("unlock"), icon: "lock-open", run: () => moderation?.unlock(), name: "unlock" }
      : { label: t("lock"), icon: "lock", run: () => set({ dialog: { kind: "lock" } }), name: "lock" },
    { label: t("wall"), icon: "megaphone", run: () => set({ dialog: { kind: "wall" } }), name: "wall" },
    {
      label: t("subgroups"),
      icon: "network",
      run: () => set({ dialog: { kind: "subgroups" } }),
      name: "subgroups",
    },
    {
      label: t("clearChat"),
      icon: "eraser",
      run: () => moderation?.clearChat(),
      isDangerous: true,
      name: "clear-chat",
    },
  );
  return items;
}
