/** One thing to copy for every command: `--help`, docs/CLI.md and the tests take it from here. */

export interface Example {
  /** What for. */
  readonly why: string;
  /** As typed into a shell. */
  readonly line: string;
}

const MARKET = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const PROVIDER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const BOOTNODE = "/ip4/10.0.0.5/tcp/4002/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const PLACE = `--rpc http://127.0.0.1:8545 --market ${MARKET}`;

const example = (why: string, line: string): Example => ({ why, line });

const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  sublet: [
    example("a key and a home on a market", `sublet init ${PLACE}`),
    example("how a command is used", "sublet put --help"),
  ],
  "sublet init": [
    example("in ~/.sublet; the password is asked for", `sublet init ${PLACE}`),
    example("elsewhere, without being asked", `sublet init ${PLACE} --home ./drive --password-file ./password`),
  ],
  "sublet price": [
    example("what providers ask now", "sublet price"),
    example("what a folder would cost", "sublet price photos"),
    example("what so much would cost in a volume that is yet to be rented", "sublet price 10GiB --k 4 --n 12"),
  ],
  "sublet volume": [
    example("10 GiB that survive the loss of eight of twelve", "sublet volume create --k 4 --n 12 --size 10GiB"),
  ],
  "sublet volume create": [
    example(
      "10 GiB for 30 epochs that survive the loss of eight of twelve",
      "sublet volume create --k 4 --n 12 --size 10GiB",
    ),
    example("what that would cost", "sublet volume create --k 4 --n 12 --size 10GiB --dry-run"),
    example("a small one, for longer", "sublet volume create --k 2 --n 6 --size 500MiB --epochs 90"),
  ],
  "sublet volume extend": [
    example("thirty epochs more, and what they would cost", "sublet volume extend --epochs 30 --dry-run"),
    example("if that costs no more than two tokens", "sublet volume extend --epochs 30 --budget 2"),
  ],
  "sublet volume grow": [
    example(
      "rent 10 GiB more whenever nothing fits, for at most fifty tokens",
      "sublet volume grow --size 10GiB --budget 50",
    ),
    example("how it is set, and what is left", "sublet volume grow"),
  ],
  "sublet volume health": [
    example(
      "replace who proved less than nine tenths of its last 30 epochs",
      "sublet volume health --least 90 --epochs 30",
    ),
  ],
  "sublet volume renew": [
    example("let repair keep everything going, for at most ten tokens", "sublet volume renew --budget 10"),
    example("how it is set, and what is left", "sublet volume renew"),
  ],
  "sublet put": [
    example("a file", "sublet put holiday.jpg /photos/holiday.jpg"),
    example("a folder, waiting until it is on chain", "sublet put photos /2026/photos --until committed"),
    example("what it would take and cost, without doing it", "sublet put photos /2026/photos --dry-run"),
    example("what another program writes", "tar c photos | sublet put - /backups/photos.tar"),
  ],
  "sublet get": [
    example("a file, to where it is called the same", "sublet get /photos/holiday.jpg"),
    example("to another program", "sublet get /backups/photos.tar - | tar x"),
    example("a folder of many files; again, if it was interrupted", "sublet get /photos --parallel 8"),
    example("the first 100 bytes", "sublet get /readme.md part --range 0-99"),
    example("what it was before the last change", "sublet get --version 2 /readme.md before.md"),
    example("what somebody shared, without a home", "sublet get 'sublet:share/1#...' ./theirs"),
  ],
  "sublet share": [
    example("a link to a folder, for a day", "sublet share create /photos --until 1d"),
    example("what the links have cost", "sublet share list"),
  ],
  "sublet share create": [
    example(
      "a folder, until a day, for two tokens of reading at most",
      "sublet share create /photos --until 2030-01-31 --budget 2",
    ),
    example("what a link would cost", "sublet share create /photos/holiday.jpg --dry-run"),
  ],
  "sublet share list": [example("for a program", "sublet share list --json")],
  "sublet share revoke": [example("by the beginning of its id", "sublet share revoke 0x90F79bf6")],
  "sublet device": [
    example("another machine, with its link in a file to be carried over", "sublet device add laptop --to laptop.link"),
    example("on that machine", "sublet device join laptop.link"),
  ],
  "sublet device add": [
    example(
      "for a month, with five tokens for volumes and repairs",
      "sublet device add laptop --epochs 30 --budget 5 --to laptop.link",
    ),
    example("that only reads and writes what is there, with the link printed", "sublet device add desk"),
  ],
  "sublet device join": [
    example("from the file that was carried over", "sublet device join laptop.link"),
    example("pasted; it ends with Ctrl-D", "sublet device join - --home ./drive"),
  ],
  "sublet device list": [example("who there is, and what they may spend yet", "sublet device list")],
  "sublet device revoke": [example("one that was stolen", "sublet device revoke laptop")],
  "sublet sync": [example("what other devices did", "sublet sync")],
  "sublet watch": [
    example("a folder, kept as it is now and changes", "sublet watch ~/notes /notes"),
    example("for a program: one document a line", "sublet watch photos /photos --quiet 10 --json"),
  ],
  "sublet ls": [
    example("everything", "sublet ls"),
    example("a folder, for a program", "sublet ls /photos --json"),
    example("what a file was before, and what keeping that costs", "sublet ls --versions /notes.txt"),
  ],
  "sublet mv": [
    example("another name", "sublet mv /photos/holiday.jpg /photos/beach.jpg"),
    example("a folder into another one", "sublet mv /photos /2026/"),
  ],
  "sublet cp": [
    example("one content under two names, paid once", "sublet cp /photos/holiday.jpg /best/"),
    example("in place of what is there", "sublet cp /notes /kept --force"),
  ],
  "sublet rm": [
    example("a file", "sublet rm /photos/holiday.jpg"),
    example("a folder with all that is in it", "sublet rm /2026 --recursive"),
    example("for good, with what it was before", "sublet rm /secret.txt --forget"),
    example("what files were before, to have the room", "sublet rm --versions /"),
  ],
  "sublet keep": [
    example("how long earlier versions are kept", "sublet keep"),
    example("for a week, and the last three of each file", "sublet keep --days 7 --most 3"),
  ],
  "sublet status": [
    example("money, deals, and what each provider shows when asked", "sublet status"),
    example("of another home", "sublet status --home ./drive"),
    example("with a warning of what ends within thirty epochs", "sublet status --within 30"),
  ],
  "sublet repair": [example("what was lost, at fresh providers; and what was interrupted", "sublet repair")],
  "sublet topup": [
    example("2.5 tokens for storing, over the deals of all volumes", "sublet topup 2.5"),
    example("half a token for reading", "sublet topup 0.5 --egress"),
    example("how long it would last, before it is paid", "sublet topup 2.5 --dry-run"),
  ],
  "sublet key": [example("24 words to write down", "sublet key export --words")],
  "sublet key export": [
    example("24 words to write down", "sublet key export --words"),
    example("for a program that opens the drive", "sublet key export --hex"),
  ],
  "sublet restore": [
    example(
      "a whole drive into an empty home, from its key alone",
      `sublet restore --from-key keystore.json ${PLACE} --home ./again`,
    ),
    example("from the words of its key, as they are typed", `sublet restore --from-words - ${PLACE} --home ./again`),
  ],
  "sublet provider": [
    example("how a provider begins", `sublet provider init ${PLACE} --quota 500GB --stake 100 --price 1.5`),
  ],
  "sublet provider init": [
    example(
      "500 GB to rent, with 100 tokens at stake",
      `sublet provider init ${PLACE} --quota 500GB --stake 100 --price 1.5`,
    ),
  ],
  "sublet provider run": [
    example("until it is told to stop, with metrics for Prometheus", "sublet provider run --metrics-port 9100"),
    example(
      "behind a router that passes a port on",
      "sublet provider run --listen /ip4/0.0.0.0/tcp/4001 --announce /dns4/disk.example.org/tcp/4001",
    ),
    example("behind one that does not", `sublet provider run --circuit-relays ${BOOTNODE}`),
  ],
  "sublet provider enroll": [
    example(
      "with the owner's key, for a provider whose folder has a signer's only",
      "sublet provider enroll --owner-keystore owner.json",
    ),
  ],
  "sublet provider income": [
    example("by deal and day, for a spreadsheet", "sublet provider income --since 2026-01-01 --csv"),
  ],
  "sublet provider fsck": [
    example("every sector of a provider that is stopped", "sublet provider fsck"),
    example("without a disk that is lost for good", "sublet provider fsck --give-up /mnt/disk"),
  ],
  "sublet provider move": [
    example("the data to a larger disk; repeat it if it was interrupted", "sublet provider move /mnt/larger"),
  ],
  "sublet provider service": [
    example(
      "a unit for systemd",
      "sublet provider service --password-file /etc/sublet.password > /etc/systemd/system/sublet.service",
    ),
  ],
  "sublet provider status": [example("stake, deals and proofs, as the chain knows them", "sublet provider status")],
  "sublet provider exit": [
    example("no new deals, and the money home as they end; repeat it until nothing remains", "sublet provider exit"),
  ],
  "sublet relay": [example("how a relay begins", "sublet relay init")],
  "sublet relay init": [example("its key; the password is asked for", "sublet relay init")],
  "sublet relay run": [
    example("for a tip of a hundredth of a token an epoch, behind a proxy that adds TLS", `sublet relay run ${PLACE}`),
    example(
      "for a dearer chain, and for everybody",
      `sublet relay run ${PLACE} --listen 0.0.0.0:4100 --tip 0.05 --gas-per-tip 3000000`,
    ),
  ],
  "sublet relay collect": [example("what was tipped so far, to its own wallet", `sublet relay collect ${PLACE}`)],
  "sublet bootnode": [
    example("for everybody", "sublet bootnode --announce /dns4/boot.example.org/tcp/4002"),
    example("which also brings callers to providers behind routers", "sublet bootnode --circuits"),
    example("beside another one, on a network of one's own", `sublet bootnode --local-network --bootnodes ${BOOTNODE}`),
  ],
  "sublet audit": [
    example("a market from its beginning, with a page for browsers", `sublet audit ${PLACE} --html audit.html`),
    example(
      "from now on, with a mail for each wrong",
      `sublet audit --watch ${PLACE} --alert 'echo "$2" | mail -s "sublet: $1" root' --remember told.json`,
    ),
  ],
  "sublet audit proof": [
    example("how a provider proved epoch 12, step by step", `sublet audit proof 12 ${PROVIDER} ${PLACE}`),
  ],
  "sublet completion": [
    example("in this shell", "source <(sublet completion bash)"),
    example("in every zsh", "sublet completion zsh > ~/.zfunc/_sublet"),
    example("in every fish", "sublet completion fish > ~/.config/fish/completions/sublet.fish"),
  ],
};

/** Of the command with that whole name; none where nobody wrote one. */
export function examplesOf(name: string): readonly Example[] {
  return EXAMPLES[name] ?? [];
}

/** Whole names of commands that have an example. */
export const EXAMPLE_NAMES: readonly string[] = Object.keys(EXAMPLES);

/** As they stand below a command's help. */
export function helpOf(examples: readonly Example[]): string {
  return `\nExamples:\n${examples.map(({ why, line }) => `  # ${why}\n  $ ${line}`).join("\n")}`;
}
