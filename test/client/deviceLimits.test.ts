/** What a device may, and what whoever has stolen one may not. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { type Address, bytesToHex, getAddress, type Hash } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Market } from "../../src/chain/Market.ts";
import { LEDGER_ONE } from "../../src/chain/MarketReader.ts";
import { signerOf } from "../../src/client/home/Keystore.ts";
import { type DeviceOptions, joinDevice, Sublet } from "../../src/client/index.ts";
import { Keys } from "../../src/codec/index.ts";
import { CAPABILITY_VERBS } from "../../src/protocol/Messages.ts";
import { capabilityDigest, signDigest, voucherDigest } from "../../src/protocol/TypedData.ts";
import { dial, policy, Tenant } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { PASSWORD, read, World } from "./World.ts";

const MIB = 2 ** 20;
const VOLUME = { k: 2, n: 4, bytes: 8 * MIB, epochs: 60 };

describe("what a device may", function () {
  this.timeout(180_000);
  let world: World;
  let home: string;
  let owner: Sublet;
  let market: Market;
  let devices = 0;
  const key = randomBytes(32);
  const film = randomBytes(2 * MIB + 5);

  before(async () => {
    world = await World.create(4, {
      policy: { ...policy, egressRate: LEDGER_ONE / 1_000n, creditBytes: MIB / 4 },
    });
    home = await world.home(key);
    owner = await world.open(home);
    await owner.createVolume(VOLUME);
    await owner.put("film.bin", film);
    market = await Market.connect({ rpcUrl: world.rpc.url, market: world.ground.market });
  });

  after(() => world.end());

  async function joined(options: DeviceOptions = {}) {
    const name = `device ${++devices}`;
    const added = await owner.devices.add(name, { epochs: 30, ...options });
    const device = await world.join(added.link);
    return { ...added, ...device, secret: await world.keyOf(device.home) };
  }

  async function nextEpochs(count: number): Promise<number> {
    const epoch = market.epochs.at(await world.ground.block()) + count;
    await world.ground.to(market.epochs.start(epoch));
    return epoch;
  }

  /** A deal of the drive, and its provider. */
  async function someDeal() {
    const { positions, volume } = (await owner.status()).volumes[0]!;
    const { provider, deal } = positions[0] as { provider: Address; deal: Hash };
    return { deal, volume, host: world.hostOf(provider) };
  }

  it("is told by its owner's chain, with a name from the drive, also to an owner who came back from the key", async () => {
    const { id, name, untilEpoch, drive } = await joined({ reads: 2_000_000n });
    await drive.close();
    const { drive: restored } = await world.restore(key);
    for (const one of [owner, restored]) {
      const device = (await one.devices.list()).find((device) => device.id === id);
      expect(device).to.include({ id, name, state: "live", untilEpoch, budget: 0n, reads: 2_000_000n });
    }
    expect([...restored.list()].map(({ path }) => path)).to.deep.equal(["film.bin"]);
    await restored.close();
    expect(await expectError(owner.devices.add(name), "BadArgument")).to.include({ name: "name" });
    for (const bad of ["", "a/b", "\u001b[2J", "x".repeat(65)])
      expect(await expectError(owner.devices.add(bad), "BadArgument"), bad).to.include({ name: "name" });
  });

  it("ends two epochs after it was taken back: then no provider serves it, and its home says why", async () => {
    const { id, name, drive: device, home: folder } = await joined();
    await device.put("before.txt", Buffer.from("before"));
    const { fromEpoch } = await owner.devices.revoke(name);
    expect(fromEpoch).to.equal(market.epochs.at(await world.ground.block()) + 2);
    await device.put("until.txt", Buffer.from("until"));
    await nextEpochs(2);
    // A provider believes what the chain last said of a delegate for two seconds.
    await sleep(2_100);
    await world.ground.mine(2);
    const { code, have } = await expectError(device.put("after.txt", Buffer.from("after")), "NotDurable");
    expect([code, have]).to.deep.equal(["NotDurable", 0]);
    await expectError(read(device.get("film.bin")), "TooFewProviders");
    await device.close();
    const over = await expectError(Sublet.open({ home: folder, password: PASSWORD }), "DeviceOver");
    expect(over).to.include({ device: id, owner: owner.account, untilEpoch: fromEpoch });
    expect((await owner.devices.list()).find((one) => one.id === id)).to.include({ name, state: "over" });
    await expectError(owner.devices.revoke(name), "BadArgument");
    await owner.sync();
    expect([...owner.list()].map(({ path }) => path)).to.deep.equal(["before.txt", "film.bin", "until.txt"]);
    await owner.put("mine.txt", Buffer.from("still"));
  });

  it("is nothing that takes the owner's key", async () => {
    const { drive: device } = await joined();
    const refused: [string, Promise<unknown>][] = [
      ["share", device.share("film.bin")],
      ["plan of a share", device.planShare("film.bin")],
      ["unshare", device.unshare("0x1234")],
      ["top up", device.topUp(1_000n)],
      ["extend", device.extend({ epochs: 5 })],
      ["another device", device.devices.add("more")],
      ["revoke", device.devices.revoke("device 1")],
    ];
    for (const [what, work] of refused)
      expect(await expectError(work, "OwnerOnly"), what).to.include({ owner: owner.account });
  });

  it("spends of the owner's tokens what its budget says, and nothing without one", async () => {
    const without = await joined();
    await expectError(without.drive.createVolume(VOLUME), "OverBudget");
    const { total } = await owner.planVolume(VOLUME);
    const budget = (total * 3n) / 2n;
    const { id, drive: device } = await joined({ budget });
    await world.fund(id, market.token, 0n);
    // Of which the device hears only after it has opened its own.
    const another = await owner.createVolume({ ...VOLUME, bytes: MIB });
    const before = await market.tokenBalance(owner.account);
    const volume = await device.createVolume(VOLUME);
    await device.put("in-it.bin", randomBytes(MIB), { volume: volume.id });
    expect(await market.tokenBalance(owner.account)).to.equal(before);
    const left = (await owner.devices.list()).find((one) => one.id === id)!.budget;
    expect(left < total && left >= budget - total).to.equal(true);
    const over = await expectError(device.createVolume(VOLUME), "OverBudget");
    // What the owner has in the market pays for the owner's own volumes first.
    expect(over.budget <= left && over.need > over.budget).to.equal(true);
    await device.sync();
    expect((await device.status()).volumes.map(({ volume: one }) => one)).to.include(another.id);
    // Its owner learns of the volume and reads what is in it.
    await owner.sync();
    expect((await read(owner.get("in-it.bin"))).length).to.equal(MIB);
    expect((await owner.status()).volumes.map(({ volume: one }) => one)).to.include(volume.id);
  });

  it("has reading paid up to its cap, over all deals together", async () => {
    const { drive: device } = await joined({ reads: 3_000n });
    const reading = async (): Promise<void> => {
      for (let time = 0; time < 12; time++) await read(device.get("film.bin"));
    };
    const { cause } = (await reading().catch((error: unknown) => error)) as { cause: { code: string } };
    expect(cause.code).to.equal("PaymentRequired");
    const promised = device.promised((await owner.status()).volumes[0]!.volume);
    expect(promised > 0n && promised <= 3_000n * LEDGER_ONE).to.equal(true);
  });

  describe("in the hands of a thief", () => {
    it("attack 'the signer on the wire': its key opens no session as the client", async () => {
      const signer = signerOf(Keys.driveKey(key));
      const { deal, volume, host } = await someDeal();
      const wire = await dial(world.ground, host, bytesToHex(Keys.signerKey(Keys.driveKey(key))));
      const block = { deal, slab: { lane: 1n, sequence: 0 }, firstChunk: 0, endChunk: 1, asOf: 32 };
      await expectError(wire.head({ deal }), "Unauthorized");
      await expectError(wire.list({ deal, from: 0, limit: 1 }), "Unauthorized");
      await expectError(wire.append({ deal, slab: block.slab, offset: 0, bytes: randomBytes(32) }), "Unauthorized");
      await expectError(wire.read(block), "Unauthorized");
      // Nor does it make what a stranger would be served for.
      const place = { chainId: market.chainId, address: market.address };
      const holder = await world.ground.account(0n);
      const granted = {
        ...{ client: owner.account, volume, verbs: CAPABILITY_VERBS.read, maxBytes: 10n ** 6n },
        ...{ until: BigInt(Math.floor(Date.now() / 1000) + 600), id: privateKeyToAccount(holder).address },
      };
      const capability = { ...granted, signature: await signDigest(signer, capabilityDigest(place, granted)) };
      const stranger = await dial(world.ground, host, holder);
      const slab = await anySlab(wireOf(key), deal, host);
      await expectError(stranger.read({ ...block, slab, capability }), "CapabilityRefused");
    });

    it("attack 'beyond its cap': no provider takes the signer's vouchers from a device", async () => {
      const { secret, drive } = await joined({ reads: 10_000n });
      const { deal, host } = await someDeal();
      const wire = await dial(world.ground, host, wireOf(secret));
      const slab = await anySlab(wireOf(key), deal, host);
      const signer = signerOf(Keys.driveKey(key));
      const cumulative = 1_000n * LEDGER_ONE;
      const place = { chainId: market.chainId, address: market.address };
      const signature = await signDigest(signer, voucherDigest(place, { deal, cumulative }));
      const voucher = { signer: signer.address, cumulative, signature };
      await expectError(wire.read({ deal, slab, firstChunk: 0, endChunk: 1, asOf: 32, voucher }), "Unauthorized");
      await drive.close();
    });

    it("attack 'a device without a name': one that removed its name is told and taken back all the same", async () => {
      const { id, drive } = await joined();
      await drive.remove(".devices", { recursive: true, forget: true });
      await owner.sync();
      expect((await owner.devices.list()).find((one) => one.id === id)).to.include({ state: "live" });
      expect(await owner.devices.revoke(id)).to.include({ id });
    });

    it("attack 'another signer': deals that it opens under one take no position of the volume", async () => {
      const { secret, id } = await joined({ budget: 20_000_000n });
      await world.fund(id, market.token, 0n);
      const { volume, host } = await someDeal();
      const strange = privateKeyToAccount(await world.ground.account(0n)).address;
      const own = { client: getAddress(owner.account), clientSigner: strange, volume, position: 0, k: 2, n: 4 };
      await Tenant.open(world.ground, host, own, 0n, wireOf(secret));
      const [before] = (await owner.status()).volumes;
      await owner.repair();
      const [after] = (await owner.status()).volumes;
      expect(after!.positions.map(({ deal }) => deal)).to.deep.equal(before!.positions.map(({ deal }) => deal));
      expect((await owner.put("on.txt", Buffer.from("on"))).state).to.equal("complete");
      const { drive: restored, recovered } = await world.restore(key);
      expect(recovered).to.include({ strange: 1 });
      await restored.close();
    });
  });

  it("is in no link that was altered, and in no home of another drive", async () => {
    const { link } = await owner.devices.add(`device ${++devices}`);
    expect(link).to.match(/^sublet:device\/1#[\w-]{150,400}$/);
    const into = async (text: string, folder: string) =>
      joinDevice({ link: text, home: folder, password: PASSWORD, scryptN: 2 });
    const fresh = join(await world.folder(), "fresh");
    await expectError(into(link.slice(0, -1), fresh), "LinkMalformed");
    await expectError(into(`${link.slice(0, -5)}AAAAA`, fresh), "LinkMalformed");
    await expectError(into(link.replace("device/1", "share/1"), fresh), "LinkMalformed");
    await expectError(into(link.replace("device/1", "device/9"), fresh), "LinkVersion");
    expect(await expectError(into(link, home), "BadArgument")).to.include({ name: "--home" });
    const { drive } = await world.join(link, fresh);
    await drive.close();
    // The same again goes on in its home.
    await (await world.join(link, fresh)).drive.close();
    const keystore = JSON.parse(await readFile(join(fresh, "keystore.json"), "utf8"));
    expect(JSON.stringify(keystore)).not.to.contain(Buffer.from(Keys.driveKey(key)).toString("hex"));
    await writeFile(join(fresh, "keystore.json"), JSON.stringify({ ...keystore, drive: undefined }));
    await expectError(world.open(fresh), "StateCorrupt");
  });

  it("is no home of another version, whose keys mean something else", async () => {
    const old = await world.home(randomBytes(32), 0n);
    const { version: _, ...config } = JSON.parse(await readFile(join(old, "config.json"), "utf8"));
    await writeFile(join(old, "config.json"), JSON.stringify(config));
    expect((await expectError(world.open(old), "StateCorrupt")).reason).to.contain("another version");
  });

  function wireOf(secret: Uint8Array) {
    return bytesToHex(Keys.accountKey(secret));
  }

  async function anySlab(client: `0x${string}`, deal: Hash, host: Awaited<ReturnType<typeof someDeal>>["host"]) {
    const wire = await dial(world.ground, host, client);
    const { entries } = await wire.list({ deal, from: 0, limit: 1 });
    return entries[0]!.slab;
  }
});
