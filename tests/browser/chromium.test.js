import { launchChromium } from "./browsers.js";
import { tellStory } from "./story.js";

tellStory({ first: launchChromium, second: null });
