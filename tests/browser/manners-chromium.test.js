import { launchChromium } from "./browsers.js";
import { tellManners } from "./manners.js";

tellManners(launchChromium);
