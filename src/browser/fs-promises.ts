import { fs } from "memfs";

export const { constants } = fs;
export const { link, lstat, mkdir, open, readFile, readdir, rename, rm, stat } = fs.promises;
