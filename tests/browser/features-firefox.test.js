process.env.BROWSER = "firefox";
await import("./features.test.js");
