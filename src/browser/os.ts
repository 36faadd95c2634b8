/** A page has a home of its own, in its memory. */
export const homedir = (): string => "/home";
