/** A process to be killed: keeps a folder on a drive, printing how many files it has put so far. */
import { Sublet } from "../../src/client/index.ts";

const [home = "", folder = "", path = "", password = ""] = process.argv.slice(2);
const drive = await Sublet.open({ home, password });
let files = 0;
process.stdout.write("0\n");
await drive.watch(folder, path, {
  quietMs: 200,
  onPass: ({ put }) => {
    files += put.length;
    process.stdout.write(`${files}\n`);
  },
});
