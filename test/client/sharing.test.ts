/** Files shared by link, on a real chain with real providers: the link's holder has nothing but the link. */
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { type Address, bytesToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Market } from "../../src/chain/Market.ts";
import { Scope } from "../../src/chain/MarketReader.ts";
import { Catalogue } from "../../src/client/catalogue/Catalogue.ts";
import { Database } from "../../src/client/home/Database.ts";
import { SharedFiles, type Sublet } from "../../src/client/index.ts";
import { Vouchers } from "../../src/client/retrieve/Vouchers.ts";
import { decodeLink, encodeLink } from "../../src/client/share/Link.ts";
import { decodeTree, encodeTree } from "../../src/client/share/Tree.ts";
import { Keys } from "../../src/codec/index.ts";
import { signDigest, voucherDigest } from "../../src/protocol/TypedData.ts";
import { dial, policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
/** A thousandth of a token's base unit a byte. */
const EGRESS_RATE = 2n ** 32n / 1_000n;
const CREDIT = MIB / 4;

describe("a share link", function () {
  this.timeout(180_000);
  const film = randomBytes(3 * MIB + 5);
  const [letter, diary] = [randomBytes(50_000), randomBytes(50_000)];
  const key = randomBytes(32);
  let world: World;
  let home: string;
  let drive: Sublet;
  let market: Market;

  before(async () => {
    world = await World.create(4, {
      policy: { ...policy, egressRate: EGRESS_RATE, allowanceBytes: 0, creditBytes: CREDIT },
    });
    home = await world.home(key);
    drive = await world.open(home);
    await drive.createVolume({ k: 2, n: 4, bytes: 48 * MIB, epochs: 60 });
    await drive.put("films/summer/film.bin", film);
    // In one slab with one another.
    await drive.put("letters/letter", letter);
    await drive.put("letters/old/diary", diary);
    market = await Market.connect({ rpcUrl: world.rpc.url, market: world.ground.market });
  });

  after(() => world.end());

  async function opened<Result>(link: string, work: (shared: SharedFiles) => Promise<Result>): Promise<Result> {
    const shared = await SharedFiles.open(link);
    return work(shared).finally(() => shared.close());
  }

  const bytesOf = (link: string): Promise<Buffer> => opened(link, (shared) => read(shared.get()));

  /** Where a file lies and its keys, as only its owner knows. */
  function secretsOf(path: string) {
    const database = new Database(join(home, "drive.sqlite"));
    const catalogue = new Catalogue(database);
    const object = catalogue.object(catalogue.find(path)!.object!)!;
    const slabs = object.extents.map(({ slab }) => {
      const record = catalogue.slab(slab)!;
      return { ...record, maskKey: Keys.slabMaskKey(Keys.maskRoot(Keys.driveKey(key), record.volume), slab) };
    });
    database.close();
    return { object, slabs, key: Keys.objectKey(Keys.driveKey(key), object.id) };
  }

  async function nextEpochs(count: number): Promise<void> {
    const epoch = market.epochs.at(await world.ground.block());
    await world.ground.to(market.epochs.start(epoch + count));
  }

  /** Where the delegate of a link, and nobody else, reads: a deal of the drive. */
  async function asDelegate(link: string) {
    const { delegateKey } = decodeLink(link);
    const account = bytesToHex(delegateKey);
    const [position] = (await drive.status()).volumes[0]!.positions;
    const { provider, deal } = position as { provider: Address; deal: Address };
    const wire = await dial(world.ground, world.hostOf(provider), account);
    const [slab] = secretsOf("films/summer/film.bin").slabs;
    const block = { deal, slab: slab!.id, firstChunk: 0, endChunk: 2_048, asOf: slab!.length };
    return { account, address: privateKeyToAccount(account).address, wire, deal, block };
  }

  /** What readers sign for, over all deals together, while they do something. */
  async function promisedWhile<Result>(work: () => Promise<Result>): Promise<{ promised: bigint; error: Result }> {
    const { pay } = Vouchers.prototype;
    const highest = new Map<string, bigint>();
    Vouchers.prototype.pay = async function (deal, owed) {
      const voucher = await pay.call(this, deal, owed);
      highest.set(deal.id, voucher.cumulative);
      return voucher;
    };
    try {
      const error = await work();
      return { promised: [...highest.values()].reduce((sum, one) => sum + one, 0n), error };
    } finally {
      Vouchers.prototype.pay = pay;
    }
  }

  it("gives a file to whoever has nothing else, and its sharer's deals pay for it", async () => {
    const { link, id, bytes, untilEpoch } = await drive.share("films/summer/film.bin", { until: { epochs: 50 } });
    expect(bytes).to.equal(film.length);
    expect(link).to.match(/^sublet:share\/1#[\w-]{500,1400}$/);
    const target = join(await world.folder(), "got");
    const fetched = await opened(link, (shared) => {
      expect([shared.kind, shared.name]).to.deep.equal(["file", "film.bin"]);
      return shared.fetch(target);
    });
    expect(fetched).to.include({ files: 1, bytes: film.length, fetched: film.length });
    expect(Buffer.compare(await readFile(target), film)).to.equal(0);
    // A second reader of the same link goes on with its vouchers.
    expect(Buffer.compare(await bytesOf(link), film)).to.equal(0);
    await nextEpochs(1);
    const used = await world.ground.until("its vouchers are redeemed", async () => {
      const [share] = await drive.shares();
      return share!.used > 3_000n && share;
    });
    expect(used).to.include({ id, path: "films/summer/film.bin", state: "live", untilEpoch });
    expect(used.used <= BigInt(Math.ceil((2 * (film.length + 4 * CREDIT)) / 1_000))).to.equal(true);
    await drive.unshare(id);
  });

  it("gives a folder as it is at that moment, and shows nothing of its own among the files", async () => {
    await drive.put("notes/a", Buffer.from("first"));
    await drive.put("notes/deep/b", Buffer.alloc(0));
    const { link, id } = await drive.share("notes");
    await drive.put("notes/a", Buffer.from("second"));
    await drive.put("notes/c", Buffer.from("later"));
    await drive.remove("notes/deep/b");
    const target = await world.folder();
    await opened(link, async (shared) => {
      const part = { first: 2, last: 99 };
      expect(`${await read(shared.get({ path: "notes/a" }))}`).to.equal("first");
      expect(`${await read(shared.get({ path: "/notes/a", range: part }))}`).to.equal("rst");
      expect(await new Response(shared.stream({ path: "notes/a", range: part })).text()).to.equal("rst");
      expect(await expectError(read(shared.get()), "BadArgument")).to.include({ name: "path" });
      await expectError(read(shared.get({ path: "notes/c" })), "NoSuchPath");
      const outside = shared.get({ path: "notes/a", range: { first: 5 } });
      expect(await expectError(read(outside), "BadArgument")).to.include({ name: "range" });
    });
    const fetched = await opened(link, (shared) => shared.fetch(join(target, "theirs")));
    expect(fetched).to.include({ files: 2, bytes: 5 });
    expect(await readdir(join(target, "theirs"), { recursive: true })).to.have.members(["a", "deep", "deep/b"]);
    expect(await readFile(join(target, "theirs", "a"), "utf8")).to.equal("first");
    expect([...drive.list("")].filter(({ path }) => path.startsWith("."))).to.deep.equal([]);
    const everything = await drive.share("");
    await opened(everything.link, async (shared) => {
      expect(shared.entries.map(({ path }) => path)).to.include("drive/letters/letter");
      expect(shared.entries.some(({ path }) => path.includes(".shares"))).to.equal(false);
    });
    for (const one of [id, everything.id]) await drive.unshare(one);
  });

  it("is planned without changing anything, and not made of nothing", async () => {
    const plan = await drive.planShare("letters", { until: { seconds: 1 }, budget: 7n });
    expect(plan).to.include({ path: "letters", files: 2, bytes: 100_000, budget: 7n });
    expect(plan.untilEpoch).to.be.greaterThan(market.epochs.at(await world.ground.block()));
    expect(plan.gas > 21_000n && plan.fee > 0n).to.equal(true);
    expect(await drive.shares()).to.deep.equal([]);
    await expectError(drive.share("nowhere"), "NoSuchPath");
    await expectError(drive.share("letters", { until: { epochs: 0 } }), "BadArgument");
    await expectError(drive.share("letters", { budget: 2n ** 100n }), "BadArgument");
    for (const id of ["", "0x", "0x12", "letters"]) await expectError(drive.unshare(id), "BadArgument");
  });

  it("is known to a drive that was brought back from its key", async () => {
    const { id, link } = await drive.share("letters/letter", { until: { epochs: 40 } });
    const { drive: back } = await world.restore(key);
    expect((await back.shares()).map((one) => one.id)).to.deep.equal([id]);
    await back.close();
    expect(Buffer.compare(await bytesOf(link), letter)).to.equal(0);
    await drive.unshare(id.slice(0, 10));
    expect(await drive.shares()).to.deep.equal([]);
  });

  describe("in the hands of an attacker", () => {
    let link: string;

    beforeEach(async () => {
      ({ link } = await drive.share("letters/letter", { until: { epochs: 20 } }));
    });

    afterEach(async () => {
      for (const { id } of await drive.shares()) await drive.unshare(id);
    });

    it("attack 'another file by its link': its keys open what was shared, and not what lies beside it", async () => {
      const [own, other] = [secretsOf("letters/letter"), secretsOf("letters/old/diary")];
      // The attacker even knows where it lies, and it lies in a slab whose mask he has.
      expect(other.slabs.map(({ maskKey }) => bytesToHex(maskKey))).to.deep.equal(
        own.slabs.map(({ maskKey }) => bytesToHex(maskKey)),
      );
      const through = (contentKey: Uint8Array) =>
        bytesOf(
          encodeLink({
            ...decodeLink(link),
            list: { names: [], objects: [{ ...other.object, key: contentKey }], slabs: other.slabs },
          }),
        );
      const { reason } = await expectError(through(own.key), "LinkMalformed");
      expect(reason).to.equal("what came back is not what it names");
      const [extent] = own.object.extents;
      const beyond = { ...own.object, key: own.key, extents: [{ ...extent!, offset: own.slabs[0]!.length }] };
      const list = { names: [], objects: [beyond], slabs: own.slabs };
      const outside = await expectError(bytesOf(encodeLink({ ...decodeLink(link), list })), "LinkMalformed");
      expect(outside.reason).to.equal("a file does not lie within its slabs");
      // With its own key it is read, and is only no list.
      expect((await expectError(through(other.key), "LinkMalformed")).reason).to.match(/^its list: /);
    });

    it("attack 'writing by a link': its key neither appends nor signs", async () => {
      const { wire, block } = await asDelegate(link);
      const { deal, slab } = block;
      await expectError(wire.append({ deal, slab, offset: 0, bytes: new Uint8Array(32) }), "Unauthorized");
      const { newest } = await wire.head({ deal });
      const { revision, clientSignature } = newest!;
      await expectError(
        wire.revise({
          ...{ previousNumber: revision.number, operations: [], headBytes: new Uint8Array(0), clientSignature },
          revision: { ...revision, number: revision.number + 65_536n },
        }),
        "Unauthorized",
      );
    });

    it("attack 'altered link': is told as such wherever it was altered or cut", async () => {
      for (let at = 15; at < link.length; at += 41) {
        const other = link[at] === "A" ? "B" : "A";
        await expectError(SharedFiles.open(link.slice(0, at) + other + link.slice(at + 1)), "LinkMalformed");
      }
      for (const wrong of [
        link.slice(0, -3),
        `${link} `,
        `${link}AAAA`,
        "sublet:share/1#",
        "sublet:share/1",
        "sublet:",
      ])
        await expectError(SharedFiles.open(wrong), "LinkMalformed");
      await expectError(SharedFiles.open(link + "A".repeat(20_000)), "LinkMalformed");
      const later = await expectError(SharedFiles.open(link.replace("share/1", "share/2")), "LinkVersion");
      expect(later).to.include({ found: "2", known: 1 });
    });

    it("attack 'names that lead elsewhere': a list of them is none", () => {
      const { object, slabs, key: content } = secretsOf("letters/letter");
      const list = (...paths: string[]) =>
        encodeTree({
          names: paths.map((path) => ({ path, object: object.id })),
          objects: [{ ...object, key: content }],
          slabs,
        });
      expect(decodeTree(list("a", "b/c")).names).to.have.length(2);
      for (const path of ["../a", "a/../../b", "/etc/passwd", "a//b", "a/", "", "\u001b[2J", "a\0"])
        expect(() => decodeTree(list(path)), path).to.throw();
      expect(() => decodeTree(list("a", "a"))).to.throw("one of a kind");
    });

    it("is of another chain, where the node is", async () => {
      const elsewhere = encodeLink({ ...decodeLink(link), chainId: 1 });
      expect(await expectError(SharedFiles.open(elsewhere), "WrongChain")).to.include({ expected: 1 });
      const nowhere = encodeLink({ ...decodeLink(link), rpcUrl: undefined });
      expect(await expectError(SharedFiles.open(nowhere), "BadArgument")).to.include({ name: "--rpc" });
      const shared = await SharedFiles.open(nowhere, { rpcUrl: world.rpc.url });
      await shared.close();
    });

    it("attack 'beyond the budget': no provider serves for a voucher above it, and the reader signs none", async () => {
      await drive.unshare((await drive.shares())[0]!.id);
      // Enough for what one of two deals sends, not for both.
      const small = await drive.share("films/summer/film.bin", { until: { epochs: 20 }, budget: 2_000n });
      const { wire, block, deal, account, address } = await asDelegate(small.link);
      const cap = (await market.delegation(drive.account, address)).egressCap;
      expect(cap).to.equal(2_000n << 32n);
      const { promised, error } = await promisedWhile(() => expectError(bytesOf(small.link), "LinkSpent"));
      expect(promised > 0n && promised <= cap, `${promised} of ${cap}`).to.equal(true);
      expect(error.left <= cap).to.equal(true);
      const voucher = async (cumulative: bigint) => {
        const place = { chainId: market.chainId, address: market.address };
        const signature = await signDigest(account, voucherDigest(place, { deal, cumulative }));
        return { signer: address, cumulative, signature };
      };
      const over = await expectError(wire.read({ ...block, voucher: await voucher(cap + 1n) }), "PaymentRequired");
      expect(over).to.include({ owed: cap + 1n, paid: cap });
      await wire.read({ ...block, voucher: await voucher(cap) });
    });

    it("attack 'after its time': is refused by its reader and by providers", async () => {
      const short = await drive.share("letters/letter", { until: { epochs: 1 } });
      const { wire, block } = await asDelegate(short.link);
      await wire.read(block);
      await nextEpochs(1);
      expect(await expectError(SharedFiles.open(short.link), "LinkExpired")).to.include({
        untilEpoch: short.untilEpoch,
      });
      const refused = async () => {
        const error = await wire.read(block).catch((thrown: unknown) => thrown as { code?: string });
        return "code" in error && error.code === "Unauthorized";
      };
      await world.ground.until("providers have seen that it is over", refused);
      expect((await drive.shares()).find(({ id }) => id === short.id)).to.include({ state: "over" });
    });

    it("attack 'after it was taken back': leads nowhere at once, and its key reads nothing two epochs later", async () => {
      const { wire, block, address } = await asDelegate(link);
      await drive.unshare(address);
      expect(await expectError(SharedFiles.open(link), "LinkRevoked")).to.include({ delegate: address });
      await wire.read(block);
      await nextEpochs(2);
      expect((await market.delegation(drive.account, address)).scopes).to.equal(Scope.Read);
      await world.ground.until("providers have seen that it was taken back", async () => {
        const error = await wire.read(block).catch((thrown: unknown) => thrown as { code?: string });
        return "code" in error && error.code === "Unauthorized";
      });
    });
  });
});
