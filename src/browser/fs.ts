/** The files of a page: in its memory, and gone with it. */
import { fs } from "memfs";

export const { closeSync, createReadStream, mkdirSync, openSync, readFileSync, statSync, writeFileSync } = fs;
