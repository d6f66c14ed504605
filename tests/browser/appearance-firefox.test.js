process.env.BROWSER = "firefox";
await import("./appearance.test.js");
