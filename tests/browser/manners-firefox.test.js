import { launchFirefox } from "./browsers.js";
import { tellManners } from "./manners.js";

tellManners(launchFirefox);
