import { launchChromium, launchFirefox } from "./browsers.js";
import { tellStory } from "./story.js";

tellStory({ first: launchChromium, second: launchFirefox });
