/** Pairs of chunks as WebAssembly hashes them, where @chainsafe/hashtree has no binding. */
export { hashInto } from "@chainsafe/as-sha256";
