// Finds the path of requests as servers in Node.js do.
//
//   node nodepaths.mjs        reads targets, one JSON string a line, and writes for each
//                             the paths that the readers find, as a JSON array
//   node nodepaths.mjs serve  is a server that answers each request with these paths;
//                             its first line is its port
import http from "node:http";
import path from "node:path";
import readline from "node:readline";
import url from "node:url";

const base = "http://backend.example";

const decode = (s) => decodeURIComponent(s);
const clean = (p) => path.posix.normalize(p);

const readers = [
  (u) => new URL(u, base).pathname,
  (u) => decode(new URL(u, base).pathname),
  (u) => clean(decode(new URL(u, base).pathname)),
  (u) => decode(new URL(decode(u), base).pathname),
  (u) => decode(new URL(base + u).pathname),
  (u) => decode(new URL(base + decode(u)).pathname),
  (u) => decode(new URL(new URL(u, base).pathname, base).pathname),
  (u) => decode(new URL(decode(new URL(u, base).pathname), base).pathname),
  (u) => decode(url.parse(u).pathname),
  (u) => decode(url.parse(u, false, true).pathname),
  (u) => decode(url.parse(decode(u), false, true).pathname),
  (u) => decode(url.parse(url.resolve(base, u)).pathname),
  (u) => clean(decode(u.split(/[?#]/)[0])),
  (u) => clean(decode(u).split(/[?#]/)[0].trim()),
  (u) => clean(decode(u).replaceAll("\\", "/").split(/[?#;]/)[0]),
  (u) => path.win32.normalize(decode(u.split("?")[0])).replaceAll("\\", "/"),
];

function paths(target) {
  return readers.flatMap((read) => {
    try {
      return read(target) ?? [];
    } catch {
      return []; // the reader refuses the target
    }
  });
}

process.removeAllListeners("warning"); // url.parse is deprecated
if (process.argv[2] === "serve") {
  const server = http.createServer((req, res) => res.end(JSON.stringify(paths(req.url))));
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
} else {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(paths(JSON.parse(line))) + "\n");
  }
}
