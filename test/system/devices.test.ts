/** Two machines of one owner, each a home and processes of its own, on one drive. */
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { done, fails, network } from "./network.ts";

const MIB = 2 ** 20;

describe("sublet device", function () {
  this.timeout(300_000);
  const film = randomBytes(2 * MIB + 5);
  let desk: string[];
  let laptop: string[];
  let source: string;
  let id: string;

  before(async () => {
    source = join(network.directory, "film.bin");
    await writeFile(source, film);
    desk = ["--home", await network.addClient("desk")];
    laptop = ["--home", join(network.directory, "laptop")];
    await done(["volume", "create", "--k", "2", "--n", "3", "--size", "16MiB", "--epochs", "100", ...desk]);
    await done(["put", source, "/film.bin", ...desk]);
  });

  it("lets another machine in, by a link that is shown to nobody", async () => {
    const link = join(network.directory, "laptop.link");
    const added = await done(["device", "add", "laptop", "--epochs", "90", "--reads", "1.5", "--to", link, ...desk]);
    expect(added).to.include({ name: "laptop", reads: "1500000", budget: "0", to: link });
    expect(added).not.to.have.property("link");
    expect((await stat(link)).mode & 0o777).to.equal(0o600);
    expect(await fails(["device", "add", "other", "--to", link, ...desk])).to.include({ name: "--to" });
    // Others see arguments, so the link is none, and is not repeated.
    const shown = (await readFile(link, "utf8")).trim();
    const refused = await fails(["device", "join", shown, ...laptop]);
    expect(refused).to.include({ code: "BadArgument", value: "" });
    expect(JSON.stringify(refused)).not.to.contain(shown.slice(0, 40));

    const joined = await done(["device", "join", link, "--local-network", ...laptop]);
    expect(joined).to.include({ address: added.id, files: 1, volumes: 1, strange: 0 });
    id = added.id;
    const got = await network.command(["get", "/film.bin", "-", ...laptop]);
    expect(Buffer.compare(got.stdout, film)).to.equal(0);
  });

  it("writes on both at once, and each has what the other wrote", async () => {
    await Promise.all([
      done(["put", source, "/from/laptop.bin", ...laptop]),
      done(["put", source, "/from/desk.bin", ...desk]),
    ]);
    for (const at of [desk, laptop]) {
      const { files } = await done(["ls", ...at]);
      expect(files.map(({ path }: { path: string }) => path)).to.deep.equal([
        "film.bin",
        "from/desk.bin",
        "from/laptop.bin",
      ]);
    }
    await done(["mv", "/from/desk.bin", "/moved.bin", ...laptop]);
    const moved = await network.command(["get", "/moved.bin", "-", ...desk]);
    expect(Buffer.compare(moved.stdout, film)).to.equal(0);
    expect(await done(["sync", ...desk])).to.include({ files: 3, changed: 0, removed: 0 });
  });

  it("does nothing that takes the owner's key, and is taken back", async () => {
    for (const command of [
      ["share", "create", "/film.bin"],
      ["volume", "renew", "--budget", "1"],
      ["key", "export"],
    ])
      expect(await fails([...command, ...laptop]), command.join(" ")).to.include({ code: "OwnerOnly" });
    const elsewhere = ["--home", join(network.directory, "elsewhere")];
    const keystore = join(network.directory, "laptop", "keystore.json");
    const restoring = await fails(["restore", "--from-key", keystore, ...elsewhere]);
    expect(restoring).to.include({ code: "BadArgument", name: "--from-key" });

    const [device] = (await done(["device", "list", ...desk])).devices;
    expect(device).to.include({ id, name: "laptop", state: "live", budget: "0" });
    expect(await done(["device", "revoke", "laptop", ...desk])).to.include({ id, name: "laptop" });
    for (let over = false; !over; ) over = (await done(["device", "list", ...desk])).devices[0].state === "over";
    expect(await fails(["ls", ...laptop])).to.include({ code: "DeviceOver", device: id });
  });
});
