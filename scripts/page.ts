/**
 * examples/page.html, with the library that it imports, on this machine until it is stopped.
 *
 *     npm run page [-- --port 8080]
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./build-browser.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });
const files = new Map([
  [
    "/",
    { type: "text/html; charset=utf-8", bytes: await readFile(join(import.meta.dirname, "../examples/page.html")) },
  ],
  ["/sublet.js", { type: "text/javascript", bytes: (await bundle()).code.contents }],
]);

const server = createServer(({ url = "" }, response) => {
  const file = files.get(url);
  response.writeHead(file ? 200 : 404, { "content-type": file?.type ?? "text/plain" }).end(file?.bytes ?? "not here");
});
server.listen(Number(values.port), "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
