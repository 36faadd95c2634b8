/** Solidity tests of one file, by Hardhat's own task. */
import type { HardhatRuntimeEnvironment } from "hardhat/types/hre";
import type { Result } from "./jobs.ts";

interface SuiteResult {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly reason?: string;
    readonly durationNs: bigint;
  }[];
}

export async function runSolidity(
  hre: HardhatRuntimeEnvironment,
  file: string,
  recipient: string,
  grep?: string,
): Promise<Result> {
  for (const profile of Object.values(hre.config.test.solidity.profiles)) profile.coinbase = recipient;
  try {
    const task = hre.tasks.getTask(["test", "solidity"]);
    const { value, error } = await task.run({ testFiles: [file], noCompile: true, ...(grep && { grep }) });
    const { suiteResults } = (value ?? error) as { suiteResults: readonly SuiteResult[] };
    const results = suiteResults.flatMap(({ testResults }) => testResults);
    const outcomes = results.map((result, index) => ({
      index,
      title: result.name,
      ms: Number(result.durationNs / 1_000_000n),
      ...(result.status === "Failure" && { failure: String(result.reason) }),
    }));
    return { outcomes, reached: [] };
  } catch (error) {
    return { outcomes: [], reached: [], broken: String(error) };
  }
}
