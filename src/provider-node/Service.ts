/** A systemd unit that runs a provider. */

export interface ServiceOptions {
  readonly provider: string;
  readonly user: string;
  readonly home: string;
  /** Folders it writes to. */
  readonly writes: readonly string[];
  /** Readable by the system's own user alone, if its owner likes: systemd hands it over. */
  readonly passwordFile: string;
  /** Whether it runs a command at alerts, which may need more than the provider does. */
  readonly alertCommand: boolean;
  /** What starts the command line, with its arguments. */
  readonly program: readonly string[];
}

const CLOSED = `NoNewPrivileges=yes
ProtectSystem=strict`;
const OPEN = `# The alert command decides how far this can be closed: mail takes the rights of its own group, and writes to its spool.
ProtectSystem=full`;

export function unit(options: ServiceOptions): string {
  const { provider, user, home, writes, passwordFile, alertCommand, program } = options;
  const command = [...program, "provider", "run", "--home", home].map(argument);
  return `# sublet provider ${provider}, printed by: sublet provider service
[Unit]
Description=Sublet storage provider ${provider}
Wants=network-online.target
After=network-online.target
# A chain that is out of reach for long is no reason to give up.
StartLimitIntervalSec=0

[Service]
User=${literal(user)}
LoadCredential=password:${literal(passwordFile)}
ExecStart=${command.join(" ")} --password-file "%d/password"
Restart=on-failure
RestartSec=10
# What is under way is finished first: a commit, a proof.
TimeoutStopSec=120
LimitNOFILE=65536
${alertCommand ? OPEN : CLOSED}
PrivateTmp=yes
ProtectHome=read-only
ReadWritePaths=${writes.map(quoted).join(" ")}

[Install]
WantedBy=multi-user.target
`;
}

/** A word of a command, where a dollar stands for a variable. */
function argument(word: string): string {
  return quoted(word).replaceAll("$", "$$$$");
}

function quoted(word: string): string {
  return `"${literal(word).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Without what systemd would put something else for. */
function literal(word: string): string {
  return word.replaceAll("%", "%%");
}
