/** A signer apart from the owner: the provider runs without the key that the stake belongs to. */

import { expect } from "chai";
import { pino } from "pino";
import type { Hex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import type { Market } from "../../src/chain/Market.ts";
import { announceFor, enroll, type Member, rotate } from "../../src/provider-node/Membership.ts";
import { refill } from "../../src/provider-node/Refilling.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { balanceOf, Ground, type Host, PARAMETERS, policy, Tenant } from "./Ground.ts";
import { Receiver } from "./Receiver.ts";

const STAKE = 500_000_000n;
const quiet = pino({ level: "silent" });

describe("a provider without its owner's key", function () {
  this.timeout(120_000);
  let ground: Ground;
  let owner: Market;
  let hot: Hex;
  let member: Member;

  beforeEach(async () => {
    ground = await Ground.create();
    owner = await ground.reach(await ground.account());
    hot = await ground.account(0n);
    member = { provider: owner.sender, signer: privateKeyToAddress(hot) };
  });

  afterEach(() => ground.end());

  const enrolled = (): Promise<bigint> => {
    return enroll(owner, member, { rate: policy.rate, penaltyRate: 2n * policy.rate, stake: STAKE }, quiet);
  };
  const start = (more = {}): Promise<Host> => ground.provider({ account: hot, owner: owner.sender, ...more });

  it("says who has to enroll it", async () => {
    expect(await failure(start())).to.include({ code: "BadArgument", name: "keystore", value: member.signer });
    await enrolled();
    const other = await ground.account(0n);
    const refused = await failure(start({ account: other }));
    expect(refused)
      .to.have.property("reason")
      .that.matches(/has not made it its signer: sublet provider enroll/);
  });

  it("signs, commits, proves and is paid, while the owner's key is never needed", async () => {
    await enrolled();
    const before = await owner.gasBalance(owner.sender);
    const host = await start();
    expect(host.address).to.equal(owner.sender);
    const tenant = await Tenant.open(ground, host);
    await tenant.revise([{ op: "add", slab: slab(0), length: 1_048_576 }]);
    const { epochs } = owner;
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 1);
    await ground.to(epochs.challengeBlock(epoch));
    await ground.until("it is proven", () => owner.proven(owner.sender, epoch));
    await ground.to(epochs.start(epoch + 1));
    await tenant.market.settle([tenant.ref]);
    expect(await balanceOf(owner, owner.sender)).to.equal((STAKE << 32n) + tenant.terms.rate);
    expect(await owner.gasBalance(owner.sender)).to.equal(before);
  });

  it("leaves what it wants announced for the owner to announce, once", async () => {
    await enrolled();
    const host = await start();
    const directory = host.config.dataDir;
    const announced = async () => (await owner.announcements()).get(owner.sender);
    expect(await announced()).to.equal(undefined);
    expect(await announceFor(owner, directory)).to.equal(true);
    expect(await announced()).to.not.equal(undefined);
    expect(await announceFor(owner, directory)).to.equal(false);
    const port = /tcp\/(\d+)/.exec(host.node.multiaddrs[0]!)![1];
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    await host.restart({ listen });
    expect(await announceFor(owner, directory)).to.equal(false);
    await host.restart({ listen, policy: { ...policy, region: "elsewhere" } });
    expect(await announceFor(owner, directory)).to.equal(true);
  });

  it("tells when collateral is to be refilled, which the owner does", async () => {
    const operator = await Receiver.start();
    ground.onEnd(() => operator.stop());
    await enrolled();
    const host = await start({ alerts: { webhook: operator.url } });
    const tenant = await Tenant.open(ground, host);
    await tenant.revise([{ op: "add", slab: slab(0), length: 1_048_576 }]);
    const { epochs } = owner;
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 1);
    await host.node.stop();
    const back = epoch + PARAMETERS.coverEpochs / 2 + 1;
    await ground.to(epochs.start(back));
    await host.restart();
    await ground.to(epochs.challengeBlock(back));
    await ground.until("it is proven", () => owner.proven(owner.sender, back));
    await ground.mine();
    await ground.until("it says so", async () => operator.of("low-cover").length > 0);
    expect(operator.of("low-cover")[0]).to.include({ deal: tenant.deal });
    expect(await refill(owner)).to.deep.equal([tenant.deal]);
    expect((await tenant.onChain()).misses).to.equal(0);
    expect(await refill(owner)).to.deep.equal([]);
  });

  it("changes its key when the owner says so, from an epoch on", async () => {
    await enrolled();
    const next = await ground.account(0n);
    const successor = { ...member, signer: privateKeyToAddress(next) };
    const from = await rotate(owner, successor);
    expect(from).to.equal(owner.epochs.at(await ground.block()) + PARAMETERS.rotateEpochs);
    expect(await rotate(owner, successor)).to.equal(from);
    const early = await failure(start({ account: next }));
    expect(early)
      .to.have.property("reason")
      .that.matches(new RegExp(`from epoch ${from} on; until then run with the key before`));
    await (await start()).node.stop();
    await ground.to(owner.epochs.start(from!));
    expect(await rotate(owner, successor)).to.equal(undefined);
    const host = await start({ account: next });
    const tenant = await Tenant.open(ground, host);
    await tenant.revise([{ op: "add", slab: slab(0), length: 32 }]);
    expect(await failure(start())).to.include({ code: "BadArgument", value: member.signer });
  });
});
