process.env.BROWSER = "firefox";
await import("./comforts.test.js");
