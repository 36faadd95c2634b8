/** A process to be killed: fetches a file or folder, printing the bytes that are there. */
import { Sublet } from "../../src/client/index.ts";

const [home = "", path = "", target = "", password = ""] = process.argv.slice(2);
const drive = await Sublet.open({ home, password });
let bytes = 0;
await drive.fetch(path, target, {
  onProgress: (more) => {
    bytes += more;
    process.stdout.write(`${bytes}\n`);
  },
});
await drive.close();
