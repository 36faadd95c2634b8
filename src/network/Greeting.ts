/** Hello, both ways: each side signs with its Ethereum key over both peer ids, the market and the caller's nonce. */
import { randomBytes } from "node:crypto";
import type { PeerId } from "@libp2p/interface";
import { type Address, bytesToHex, type Hash, type Hex, isAddressEqual, zeroAddress } from "viem";
import { SubletException } from "../protocol/Errors.ts";
import {
  type Hello,
  helloDigest,
  type Market,
  requireSigner,
  type Signer,
  signDigest,
  signerAddress,
} from "../protocol/TypedData.ts";
import type { RequestOf, ResponseOf } from "../protocol/Verbs.ts";

/** Which two nodes talk: the authenticated peer ids of the connection. */
export interface Ends {
  readonly caller: PeerId;
  readonly answerer: PeerId;
}

/** Who calls: the key that signs, and whose delegate it is, if anyone's. */
export interface Caller {
  readonly account: Signer;
  readonly actingFor?: Address;
}

/** Who answers: the provider, and its signer's key. */
export interface Answerer {
  readonly provider: Address;
  readonly signer: Signer;
}

export async function greet(market: Market, ends: Ends, caller: Caller): Promise<RequestOf<"hello">> {
  const address = signerAddress(caller.account);
  const nonce = bytesToHex(randomBytes(32));
  const hello = callersHello(ends, address, caller.actingFor, nonce);
  return {
    chainId: market.chainId,
    market: market.address,
    address,
    ...(caller.actingFor && { actingFor: caller.actingFor }),
    nonce,
    signature: await signDigest(caller.account, helloDigest(market, hello)),
  };
}

/** @throws SubletException WrongMarket, BadSignature */
export async function answerGreeting(
  market: Market,
  ends: Ends,
  greeting: RequestOf<"hello">,
  answerer: Answerer,
): Promise<ResponseOf<"hello">> {
  const { chainId, market: theirs, address, actingFor, nonce, signature } = greeting;
  requireMarket(market, { chainId, address: theirs });
  const hello = callersHello(ends, address, actingFor, nonce);
  await requireSigner("hello", helloDigest(market, hello), signature, address);
  const signer = signerAddress(answerer.signer);
  const answer = answerersHello(ends, signer, answerer.provider, nonce);
  return {
    chainId: market.chainId,
    market: market.address,
    provider: answerer.provider,
    signer,
    signature: await signDigest(answerer.signer, helloDigest(market, answer)),
  };
}

/**
 * Who answered. Whether the signer is in force for the provider is for the chain to say.
 * @throws SubletException WrongMarket, BadSignature
 */
export async function checkAnswer(
  market: Market,
  ends: Ends,
  nonce: Hash,
  answer: ResponseOf<"hello">,
): Promise<{ provider: Address; signer: Address }> {
  const { chainId, market: theirs, provider, signer, signature } = answer;
  requireMarket({ chainId, address: theirs }, market);
  const hello = answerersHello(ends, signer, provider, nonce);
  await requireSigner("provider's hello", helloDigest(market, hello), signature, signer);
  return { provider, signer };
}

function callersHello(ends: Ends, account: Address, actingFor: Address | undefined, nonce: Hash): Hello {
  return {
    from: bytesOf(ends.caller),
    to: bytesOf(ends.answerer),
    account,
    actingFor: actingFor ?? zeroAddress,
    nonce,
  };
}

function answerersHello(ends: Ends, signer: Address, provider: Address, nonce: Hash): Hello {
  return { from: bytesOf(ends.answerer), to: bytesOf(ends.caller), account: signer, actingFor: provider, nonce };
}

function bytesOf(peer: PeerId): Hex {
  return bytesToHex(peer.toMultihash().bytes);
}

function requireMarket(served: Market, asked: Market): void {
  if (served.chainId === asked.chainId && isAddressEqual(served.address, asked.address)) return;
  throw new SubletException({
    code: "WrongMarket",
    expectedChainId: served.chainId,
    actualChainId: asked.chainId,
    expectedMarket: served.address,
    actualMarket: asked.address,
  });
}
