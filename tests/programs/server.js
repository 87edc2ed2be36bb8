// An HTTP server with a connection of its own, a worker thread, a child and an interval; prints its port once all is there.
"use strict";
const http = require("http");
const net = require("net");
const { spawn } = require("child_process");
const { Worker } = require("worker_threads");

process.on("SIGUSR2", () => {});
setInterval(() => {}, 250);
spawn("sleep", ["600"], { stdio: "ignore" });
new Worker("setInterval(() => {}, 1000)", { eval: true }).on("online", () => {
  const server = http.createServer((_request, answer) => answer.end("ok"));
  server.on("connection", () => console.log(server.address().port));
  server.listen(0, "127.0.0.1", () => net.connect(server.address().port, "127.0.0.1"));
});
process.stdin.on("end", () => process.exit(0)).resume();
