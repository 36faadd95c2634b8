import { describeStore } from "../../conformance/store.ts";
import { temporaryHome } from "./temporary.ts";

describeStore("DiskStore", temporaryHome);
