/** Documents for programs: large integers as decimal strings, bytes as hex. */
export function toJson(document: object): string {
  return JSON.stringify(document, (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}`;
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  });
}
