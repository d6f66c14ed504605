/**
 * The themes and the sizes of a window in which every page is looked at.
 */
import { isFirefox } from "./browsers.js";

export const DESKTOP = { width: 1280, height: 760 };
export const PHONE = { width: 390, height: 844 };

const ALL_LOOKS = /** @type {const} */ ([
  { theme: "light", viewport: DESKTOP },
  { theme: "dark", viewport: PHONE },
  { theme: "dark", viewport: DESKTOP },
  { theme: "light", viewport: PHONE },
]);

/** In a second browser the first two find what it does differently. */
export const LOOKS = ALL_LOOKS.slice(0, isFirefox ? 2 : 4);
