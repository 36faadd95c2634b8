import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect } from "chai";
import { type Alert, postDocument, runCommand } from "../../src/alerts/channels.ts";

const ALERT: Alert = { kind: "low-disk", message: `"full"; $(exit 1)`, document: '{"kind":"low-disk"}' };

describe("an alert's channels", () => {
  let folder: string;
  const ends: (() => void)[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-alerts-"));
  });
  after(async () => {
    for (const end of ends) end();
    await rm(folder, { recursive: true });
  });

  const failure = async (delivery: Promise<void>): Promise<string> =>
    delivery.then(
      () => "it did not fail",
      ({ message }: Error) => message,
    );

  describe("a command", () => {
    const run = (command: string, limitMs = 10_000) => runCommand(command, ALERT, { limitMs, output: "ignore" });

    it("gets kind and message as arguments, which no shell reads, and the document on standard input", async () => {
      const file = join(folder, "told");
      await run(`printf '%s\\n' "$1" "$2" > '${file}'; cat >> '${file}'`);
      expect(await readFile(file, "utf8")).to.equal(`${ALERT.kind}\n${ALERT.message}\n${ALERT.document}\n`);
    });

    it("need not read what it is given", async () => {
      const large = { ...ALERT, document: "x".repeat(4_000_000) };
      await runCommand("exec <&-; exit 0", large, { limitMs: 10_000, output: "ignore" });
    });

    it("that ends with another code than 0 has not told anybody", async () => {
      expect(await failure(run("exit 3"))).to.equal("it ended with code 3");
    });

    it("that takes too long is killed, with all that it has started", async () => {
      const file = join(folder, "late");
      expect(await failure(run(`(sleep 1; : > '${file}') & sleep 600`, 100))).to.equal("it was ended by SIGKILL");
      await setTimeout(1500);
      expect(await failure(readFile(file).then(() => undefined))).to.contain("ENOENT");
    });
  });

  describe("a webhook", () => {
    const serve = async (status: number, headers = {}): Promise<{ url: string; bodies: string[] }> => {
      const bodies: string[] = [];
      const server = createServer(async (request, response) => {
        let body = "";
        for await (const bytes of request) body += bytes;
        bodies.push(`${request.method} ${request.headers["content-type"]} ${body}`);
        response.writeHead(status, headers).end("an answer");
      });
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
      ends.push(() => server.close());
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, bodies };
    };

    it("is posted the document, as JSON", async () => {
      const { url, bodies } = await serve(204);
      await postDocument(url, ALERT, 10_000);
      expect(bodies).to.deep.equal([`POST application/json ${ALERT.document}`]);
    });

    it("that answers without success has not taken it", async () => {
      const { url } = await serve(503);
      expect(await failure(postDocument(url, ALERT, 10_000))).to.equal("it was answered with status 503");
    });

    it("cannot send it elsewhere", async () => {
      const elsewhere = await serve(204);
      const { url } = await serve(307, { location: elsewhere.url });
      expect(await failure(postDocument(url, ALERT, 10_000))).to.equal("fetch failed");
      expect(elsewhere.bodies).to.deep.equal([]);
    });

    it("that does not answer is not waited for", async () => {
      const mute = createListener((socket) => ends.unshift(() => socket.destroy()));
      await new Promise<void>((listening) => mute.listen(0, "127.0.0.1", listening));
      ends.push(() => mute.close());
      const { port } = mute.address() as AddressInfo;
      expect(await failure(postDocument(`http://127.0.0.1:${port}/`, ALERT, 100))).to.contain("timeout");
    });
  });
});
