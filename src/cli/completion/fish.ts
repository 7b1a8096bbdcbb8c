import {
  allFlags,
  type Candidates,
  type CommandLineWords,
  type CommandWords,
  type FlagWords,
} from "./words.js";

export function fishScript(words: CommandLineWords): string {
  const { flags, commands } = words;
  const valued = allFlags(words).filter(({ value }) => value !== undefined);
  const lines = [
    ...flags.map((flag) => `complete -c qtasks${flagWords(flag)}`),
    ...commands.map(
      ({ name, description }) =>
        `complete -c qtasks -n '__qtasks_given 0' -a ${name} -d ${quoted(description)}`,
    ),
    ...commands.flatMap(commandLines),
  ];
  return `# Completion of qtasks for fish: qtasks completion fish > ~/.config/fish/completions/qtasks.fish
function __qtasks_given -d 'as many words stand before this one, without flags and their values'
    set -l given 0
    set -l isValue 0
    for word in (commandline -opc)[2..-1]
        if test $isValue = 1
            set isValue 0
            continue
        end
        switch $word
            case ${valued.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short])).join(" ")}
                set isValue 1
            case '-*'
            case '*'
                set given (math $given + 1)
        end
    end
    test $given -eq $argv[1]
end
function __qtasks_ask
    set -l words (commandline -opc)
    $words[1] __complete $argv 2> /dev/null
end
complete -c qtasks -f
${lines.join("\n")}
`;
}

function commandLines({ name, flags, argument, isList }: CommandWords): readonly string[] {
  const seen = `__fish_seen_subcommand_from ${name}`;
  const place = isList ? seen : `${seen}; and __qtasks_given 1`;
  const offered = argument === "nothing" ? [] : [`complete -c qtasks -n '${place}'${values(argument)}`];
  return [...flags.map((flag) => `complete -c qtasks -n '${seen}'${flagWords(flag)}`), ...offered];
}

function flagWords({ long, short, description, value }: FlagWords): string {
  const names = `${short === undefined ? "" : ` -s ${short.slice(1)}`} -l ${long.slice(2)}`;
  const taken = value === undefined ? "" : value === "files" ? " -r -F" : ` -x${values(value)}`;
  return `${names}${taken} -d ${quoted(description)}`;
}

function values(candidates: Candidates): string {
  switch (candidates) {
    case "tasks":
      return " -a '(__qtasks_ask tasks)'";
    case "ids":
      return " -k -a '@last\\t\"the task queued last\" (__qtasks_ask ids)'";
    case "files":
      return " -F";
    case "nothing":
      return "";
    default:
      return ` -a '${candidates.join(" ")}'`;
  }
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
