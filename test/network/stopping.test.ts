import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { createNode } from "../../src/network/Node.ts";

describe("stopping a node", () => {
  it("comes to its end in a process that has nothing else to do, whenever a connection goes", async () => {
    const node = await createNode({ listen: ["/ip4/127.0.0.1/tcp/0"] });
    try {
      const script = join(import.meta.dirname, "stoppingProcess.ts");
      const { stdout } = await promisify(execFile)(process.execPath, [script, `${node.getMultiaddrs()[0]}`]);
      expect(stdout).to.equal("all of them stopped\n");
    } finally {
      await node.stop();
    }
  });
});
