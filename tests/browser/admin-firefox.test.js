process.env.BROWSER = "firefox";
await import("./admin.test.js");
