/** What Node has everywhere, put where a page's code asks for it. */
import { Buffer } from "node:buffer";

const process = { env: {}, platform: "browser", version: "", versions: {}, pid: 0, nextTick: queueMicrotask };

export { Buffer, process };
