/** A market's parameters: the presets, and a file that says where a market differs from one. */
import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import { parseUnits } from "viem";
import { z } from "zod";
import type { Parameters } from "../../src/chain/Connection.ts";
import { SubletException } from "../../src/protocol/Errors.ts";

/** Table of docs/PROTOCOL.md section 4: `daily` for 12 s blocks, `demo` for 0.5 s blocks. */
export const PRESETS = {
  daily: {
    epochBlocks: 7_200,
    commitBlocks: 1_080,
    gapBlocks: 64,
    multiplier: 1,
    coverEpochs: 30,
    missedEpochs: 10,
    exitEpochs: 7,
    finalEpochs: 2,
    rotateEpochs: 7,
    maxDealEpochs: 4_096,
  },
  demo: {
    epochBlocks: 40,
    commitBlocks: 10,
    gapBlocks: 2,
    multiplier: 1,
    coverEpochs: 8,
    missedEpochs: 3,
    exitEpochs: 2,
    finalEpochs: 1,
    rotateEpochs: 2,
    maxDealEpochs: 4_096,
  },
} as const;
export type Preset = keyof typeof PRESETS;

/** In tokens, as people write them: base units are the token's own business. */
const MIN_COLLATERAL = "1";

const MAX_FILE_CHARACTERS = 65_536;
const NAMES = Object.keys(PRESETS.daily) as (keyof typeof PRESETS.daily)[];
const length = z
  .int("it is a whole number")
  .min(0, "it is not negative")
  .max(2 ** 32 - 1, "it is below 2^32");
const schema = z.strictObject({
  ...(Object.fromEntries(NAMES.map((name) => [name, length.optional()])) as Record<
    (typeof NAMES)[number],
    z.ZodOptional<typeof length>
  >),
  minCollateral: z
    .string('it is an amount of tokens, in quotes, such as "1.5"')
    .regex(/^\d{1,20}(\.\d{1,30})?$/, 'it is an amount of tokens, in quotes, such as "1.5"')
    .optional(),
});

/** What a parameters file says, which may be less than all. */
export type Written = z.output<typeof schema>;

/** @throws SubletException NoSuchPath, StateCorrupt (no TOML), BadArgument naming the parameter and the file */
export async function readParameters(file: string): Promise<Written> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new SubletException({ code: "NoSuchPath", path: file }, { cause });
  });
  const parsed = schema.safeParse(toml(text, file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === "unrecognized_keys") {
    const reason = `the parameters are ${[...NAMES, "minCollateral"].join(", ")}`;
    throw new SubletException({ code: "BadArgument", name: `a name in ${file}`, value: issue.keys[0]!, reason });
  }
  const name = String(issue?.path[0]);
  const value = String((toml(text, file) as Record<string, unknown>)[name]);
  throw new SubletException({
    code: "BadArgument",
    name: `${name} in ${file}`,
    value,
    reason: issue?.message ?? "it is none",
  });
}

function toml(text: string, file: string): object {
  try {
    if (text.length > MAX_FILE_CHARACTERS) throw new SyntaxError("it is longer than any parameters are");
    return parse(text);
  } catch (error) {
    const place = error instanceof TomlError ? `line ${error.line}, column ${error.column}: ` : "";
    const reason = `${place}${(error as Error).message.split("\n", 1)[0]}`;
    throw new SubletException({ code: "StateCorrupt", file, reason }, { cause: error });
  }
}

/** The whole of it, as the contract takes it. @throws SubletException BadArgument */
export function parametersOf(preset: Preset, written: Written, decimals: number): Parameters {
  const { minCollateral: tokens = MIN_COLLATERAL, ...lengths } = written;
  if ((tokens.split(".")[1] ?? "").length > decimals) {
    const reason = `the token has ${decimals} decimals`;
    throw new SubletException({ code: "BadArgument", name: "minCollateral", value: tokens, reason });
  }
  const minCollateral = parseUnits(tokens, decimals);
  if (minCollateral >= 2n ** 128n) {
    const reason = "it is 2^128 base units or more";
    throw new SubletException({ code: "BadArgument", name: "minCollateral", value: tokens, reason });
  }
  const given = Object.entries(lengths).filter(([, value]) => value !== undefined);
  return { ...PRESETS[preset], ...Object.fromEntries(given), minCollateral };
}
