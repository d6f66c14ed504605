process.env.BROWSER = "firefox";
await import("./newcomer.test.js");
