/** The library in a page: a drive that is made, filled, shared and restored there, by providers in processes of their own. */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import type { LocalNetwork } from "../../scripts/local-network.ts";
import { commandsOf, endNetwork, startNetwork } from "../system/commands.ts";
import type * as InPage from "./inPage.ts";
import { draws, pauses, statements, vectors } from "./inPage.ts";
import { Page } from "./Page.ts";

declare const module: typeof InPage;

const MIB = 2 ** 20;
const SCRIPT = join(import.meta.dirname, "../../scripts/page.ts");

let page: Page;

before(async function () {
  this.timeout(60_000);
  page = await Page.open();
});

after(() => page?.close());

describe("the library in a page", function () {
  this.timeout(180_000);
  const film = randomBytes(3 * MIB + 5);
  let directory: string;
  let network: LocalNetwork;
  const { done } = commandsOf(() => network);

  before(async () => {
    network = await startNetwork("pages");
    directory = network.directory;
    await Promise.all(["ant", "bee", "cat"].map((name) => network.addProvider(name)));
  });

  after(() => endNetwork(network));

  afterEach(() => expect(page.errors).to.deep.equal([]));

  it("reads what a link leads to, whole and in part, and says what is wrong with one", async () => {
    const at = ["--home", await network.addClient("sharer")];
    await done(["volume", "create", "--k", "2", "--n", "3", "--size", "8MiB", "--epochs", "100", ...at]);
    await writeFile(join(directory, "film.bin"), film);
    await done(["put", join(directory, "film.bin"), "/films/one.bin", ...at]);
    const { link } = await done(["share", "create", "/films", "--until", "90e", ...at]);
    const got = await page.tab.evaluate(async (text) => {
      const shared = await module.SharedFiles.open(text);
      const path = "films/one.bin";
      const seen = {
        name: shared.name,
        entries: shared.entries.map(({ path, bytes }) => ({ path, bytes })),
        sha256: await module.sha256(shared.get({ path })),
        part: await module.hexOf(shared.get({ path, range: { first: 1_000_000, last: 1_000_099 } })),
        streamed: (await new Response(shared.stream({ path })).arrayBuffer()).byteLength,
        folder: await module.sha256(shared.get()).catch(({ code }) => code),
        nothing: await module.sha256(shared.get({ path: "films/two.bin" })).catch(({ code }) => code),
        broken: await module.SharedFiles.open(`${text.slice(0, -1)}!`).catch(({ code }) => code),
      };
      await shared.close();
      return seen;
    }, link as string);
    expect(got).to.deep.equal({
      ...{ name: "films", entries: [{ path: "films/one.bin", bytes: film.length }], streamed: film.length },
      sha256: createHash("sha256").update(film).digest("hex"),
      part: film.subarray(1_000_000, 1_000_100).toString("hex"),
      ...{ folder: "BadArgument", nothing: "NoSuchPath", broken: "LinkMalformed" },
    });
  });

  it("is in the page of examples/, which saves what a link leads to", async () => {
    const at = ["--home", join(directory, "sharer")];
    const { link } = await done(["share", "create", "/films", "--until", "90e", ...at]);
    const serving = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", SCRIPT, "--port", "0"]);
    try {
      const [url] = (await once(createInterface(serving.stdout), "line")) as [string];
      const { tab } = page;
      const before = tab.url();
      await tab.goto(url);
      await tab.getByRole("textbox").fill("sublet:share/1#none");
      await tab.getByRole("button").click();
      await tab.getByText("cut or altered").waitFor();
      await tab.getByRole("textbox").fill(link);
      await tab.getByRole("button").click();
      const saving = tab.waitForEvent("download");
      await tab.getByRole("link", { name: "films/one.bin" }).click();
      const saved = await saving;
      expect(saved.suggestedFilename()).to.equal("one.bin");
      expect(Buffer.compare(await readFile(await saved.path()), film)).to.equal(0);
      await tab.getByText("films/one.bin: saved").waitFor();
      await page.goTo(before);
    } finally {
      serving.kill();
    }
  });

  it("makes a drive, stores, shares and removes, and another machine brings it back from the words of its key", async () => {
    const { rpcUrl, market } = network.chain;
    const place = { home: "/page", rpcUrl, market, password: network.password, localNetwork: true, scryptN: 1_024 };
    const { account, words, taken, locked } = await page.tab.evaluate(async (options) => {
      const key = crypto.getRandomValues(new Uint8Array(32));
      const { account } = await module.setUp({ ...options, key });
      const taken = await module.setUp(options).catch(({ error }) => error.name);
      const locked = await module.Sublet.open({ ...options, password: "wrong" }).catch(({ code }) => code);
      return { account, words: module.wordsOf(key).join(" "), taken, locked };
    }, place);
    expect({ taken, locked }).to.deep.equal({ taken: "home", locked: "WrongPassword" });
    await network.fund(account, { ether: 5, tokens: 100 });

    const there = await page.tab.evaluate(async ({ home, password }) => {
      const drive = await module.Sublet.open({ home, password });
      await drive.createVolume({ k: 2, n: 3, bytes: 8 * 2 ** 20, epochs: 100 });
      const bytes = new Uint8Array(3 * 2 ** 20 + 7);
      for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      const states = [
        await drive.put("notes/first", new Blob(["written in a page"])),
        await drive.put("film.bin", new Blob([bytes]).stream()),
        await drive.put("gone", Uint8Array.of(1)),
      ].map(({ state }) => state);
      await drive.remove("gone");
      const other = await module.Sublet.open({ home, password });
      const seen = {
        ...{ states, busy: await other.remove("film.bin").catch(({ code }) => code) },
        path: await drive.put("folder", "/etc").catch(({ code }) => code),
        disk: await drive.fetch("film.bin", "/here").catch(({ error }) => error?.name),
        watched: await drive.watch("/here", "there").catch(({ error }) => error?.name),
        sha256: await module.sha256(drive.get("film.bin")),
        put: await module.sha256(new Blob([bytes]).stream() as unknown as AsyncIterable<Uint8Array>),
        link: (await drive.share("notes")).link,
      };
      await other.close();
      await drive.close();
      return seen;
    }, place);
    expect(there).to.deep.include({
      states: ["complete", "complete", "complete"],
      ...{ busy: "HomeBusy", path: "NoSuchPath", disk: "target", watched: "folder", sha256: there.put },
    });

    const [back, notes] = [join(directory, "back"), join(directory, "notes")];
    const restoring = ["restore", "--from-words", "-", "--local-network", "--rpc", rpcUrl, "--market", market];
    const passwordFile = ["--password-file", network.passwordFile, "--home", back];
    await done([...restoring, ...passwordFile], { input: Buffer.from(words) });
    const { files } = await done(["ls", "--home", back]);
    expect(files.map(({ path }: { path: string }) => path)).to.deep.equal(["film.bin", "notes/first"]);
    const { stdout } = await network.command(["get", "film.bin", "-", "--home", back]);
    expect(createHash("sha256").update(stdout).digest("hex")).to.equal(there.put);
    await done(["get", there.link, notes]);
    expect(await readFile(join(notes, "first"), "utf8")).to.equal("written in a page");

    // And the other way round: what that machine stores, a page brings back that never had the drive.
    await done(["put", "-", "later", "--home", back], { input: Buffer.from("written elsewhere") });
    const restored = await page.tab.evaluate(
      async ({ words, ...options }) => {
        const [home, key] = ["/another", module.keyOf(words)];
        await module.setUp({ ...options, home, key });
        const { drive, recovered } = await module.Sublet.restore({ home, key });
        const text = await new Response(drive.stream("later")).text();
        await drive.close();
        return { files: recovered.files, text };
      },
      { ...place, words },
    );
    expect(restored).to.deep.equal({ files: 3, text: "written elsewhere" });
  });
});

describe("what a page has in place of Node's modules", function () {
  this.timeout(60_000);

  for (const work of [vectors, statements, pauses, draws]) {
    it(`gives the same: ${work.name}`, async () => {
      const there = await page.tab.evaluate(async (name) => module[name](), work.name as "vectors");
      expect(there).to.deep.equal(await work());
    });
  }
});
