export const { URL } = globalThis;
