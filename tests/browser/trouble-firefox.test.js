process.env.BROWSER = "firefox";
await import("./trouble.test.js");
