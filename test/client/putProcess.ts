/** A process to be killed: puts a file as `path`, printing the bytes that went into the journal. */
import { Sublet } from "../../src/client/index.ts";

const [home = "", path = "", source = "", password = ""] = process.argv.slice(2);
const drive = await Sublet.open({ home, password });
let bytes = 0;
const receipt = await drive.put(path, source, {
  onProgress: (more) => {
    bytes += more;
    process.stdout.write(`${bytes}\n`);
  },
});
process.stdout.write(`${receipt.state}\n`);
await drive.close();
