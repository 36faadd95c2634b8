/**
 * Completion for shells: scripts that hold the whole tree of commands, so that no Node is started at a key press. Names of
 * files are completed by the shell itself wherever no word of the tool's own fits.
 */
import { Argument, Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

interface Flag {
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

interface Word {
  readonly word: string;
  readonly description: string;
}

/** One command, as far as completing needs to know it. */
interface Place {
  /** Its names below the tool's own: `volume create`; empty for the tool itself. */
  readonly path: string;
  /** Commands below it, or what its argument may be. */
  readonly words: readonly Word[];
  readonly flags: readonly Flag[];
}

export function completionCommand(tree: () => Promise<Command>): Command {
  return new Command("completion")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .action(async (shell: Shell) => {
      process.stdout.write(completionScript(shell, await tree()));
    });
}

export function completionScript(shell: Shell, tree: Command): string {
  return { bash, zsh, fish }[shell](placesOf(tree, ""));
}

function placesOf(command: Command, path: string): Place[] {
  const below = (name: string) => (path === "" ? name : `${path} ${name}`);
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const words = [
    ...command.commands.map((one) => ({ word: one.name(), description: one.description() })),
    ...choices.map((word) => ({ word, description: "" })),
  ];
  const flags = command.options
    .filter(({ hidden }) => !hidden)
    .map(
      ({ long, short, description, required, optional, argChoices = [] }): Flag => ({
        ...{ long: long!, short, description, takesValue: required || optional, choices: argChoices },
      }),
    );
  const help = { long: "--help", short: "-h", description: "what it does", takesValue: false, choices: [] };
  const own = { path, words, flags: [...flags, help] };
  return [own, ...command.commands.flatMap((one) => placesOf(one, below(one.name())))];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Walks from word to word as far as they are commands: `place` is then the command that is being typed. */
function walk(places: readonly Place[], words: string): string {
  const commands = places.slice(1).map(({ path }) => quoted(path));
  return `  local place="" word
  for word in "\${${words}}"; do
    case "\${place:+$place }$word" in
      ${commands.join("|")}) place="\${place:+$place }$word" ;;
    esac
  done`;
}

/** What a flag's value may be, after the flag: one case for all flags of the same values. */
function values(places: readonly Place[]): string {
  const offers = new Map<string, string[]>();
  for (const { path, flags } of places) {
    for (const { long, takesValue, choices } of flags) {
      if (!takesValue) continue;
      const offered = choices.map(quoted).join(" ");
      offers.set(offered, [...(offers.get(offered) ?? []), quoted(`${path} ${long}`)]);
    }
  }
  return [...offers].map(([offered, after]) => `    ${after.join("|")}) offered=(${offered}) ;;`).join("\n");
}

/** Sets `offered`: to values after a flag that takes one, to flags where one is begun, else to the command's words. */
function choose(places: readonly Place[], named: (name: string, description: string) => string): string {
  const cases = places.flatMap(({ path, words, flags }) => [
    `        ${quoted(`${path} -`)}) offered=(${flags.map((one) => named(one.long, one.description)).join(" ")}) ;;`,
    ...(words.length > 0
      ? [
          `        ${quoted(`${path} `)}) offered=(${words.map((one) => named(one.word, one.description)).join(" ")}) ;;`,
        ]
      : []),
  ]);
  return `  local begun=""
  [[ $current == -* ]] && begun="-"
  case "$place $before" in
${values(places)}
    *)
      case "$place $begun" in
${cases.join("\n")}
      esac ;;
  esac`;
}

function bash(places: readonly Place[]): string {
  return `# Completion of sublet for bash: source <(sublet completion bash)
_sublet() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" offered=()
${walk(places, "COMP_WORDS[@]:1:COMP_CWORD-1")}
${choose(places, quoted)}
  COMPREPLY=($(compgen -W "\${offered[*]}" -- "$current"))
}
complete -o default -F _sublet sublet
`;
}

function zsh(places: readonly Place[]): string {
  const described = (word: string, description: string) => quoted(description ? `${word}:${description}` : word);
  return `#compdef sublet
# Completion of sublet for zsh: a file called _sublet in a folder of $fpath.
_sublet() {
  local current="\${words[CURRENT]}" before="\${words[CURRENT - 1]}"
  local -a offered
${walk(places, "(@)words[2,CURRENT-1]")}
${choose(places, described)}
  if (( $#offered )); then _describe sublet offered; else _files; fi
}
if [[ "$funcstack[1]" == _sublet ]]; then _sublet "$@"; else compdef _sublet sublet; fi
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, words, flags }) => {
    const at = `complete -c sublet -n ${quoted(`test "$(__sublet_place)" = ${quoted(path)}`)}`;
    return [
      ...words.map(({ word, description }) => `${at} -f -a ${quoted(word)} -d ${quoted(description)}`),
      ...flags.map(({ long, short, description, takesValue, choices }) => {
        const value = takesValue ? (choices.length > 0 ? ` -x -a ${quoted(choices.join(" "))}` : " -r") : "";
        return `${at} -l ${long.slice(2)}${short ? ` -s ${short.slice(1)}` : ""}${value} -d ${quoted(description)}`;
      }),
    ];
  });
  const commands = places.slice(1).map(({ path }) => quoted(path));
  return `# Completion of sublet for fish: a file called sublet.fish in ~/.config/fish/completions.
function __sublet_place
  set -l place ""
  for word in (commandline -opc)[2..]
    set -l longer (string trim "$place $word")
    contains -- "$longer" ${commands.join(" ")}; and set place $longer
  end
  echo $place
end
${lines.join("\n")}
`;
}
