import { expect } from "chai";
import { unit } from "../../src/provider-node/Service.ts";

const ODD = '/mnt/a "b" $HOME 50% \\x';

describe("the systemd unit of a provider", () => {
  const made = (alertCommand: boolean): string =>
    unit({
      ...{ provider: "0xab", user: "host", home: ODD, writes: [ODD, "/mnt/b"], passwordFile: "/etc/p%", alertCommand },
      program: ["/usr/bin/node", "sublet.ts"],
    });
  const line = (name: string, text = made(false)) => new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1];

  it("quotes paths, so that systemd puts nothing in their place", () => {
    expect(line("ExecStart")).to.equal(
      '"/usr/bin/node" "sublet.ts" "provider" "run" "--home" "/mnt/a \\"b\\" $$HOME 50%% \\\\x" --password-file "%d/password"',
    );
    expect(line("LoadCredential")).to.equal("password:/etc/p%%");
  });

  it("lets it write to its own folders only", () => {
    expect(line("ProtectSystem")).to.equal("strict");
    expect(line("ReadWritePaths")).to.equal('"/mnt/a \\"b\\" $HOME 50%% \\\\x" "/mnt/b"');
  });

  it("lets an alert's command do what mail needs: rights of its own, and a spool", () => {
    expect([line("NoNewPrivileges"), line("NoNewPrivileges", made(true))]).to.deep.equal(["yes", undefined]);
    expect(line("ProtectSystem", made(true))).to.equal("full");
  });
});
