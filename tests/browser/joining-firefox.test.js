process.env.BROWSER = "firefox";
await import("./joining.test.js");
