process.env.BROWSER = "firefox";
await import("./front-end.test.js");
