import type { Candidates, CommandLineWords, CommandWords, FlagWords } from "./words.js";

/** For an `eval`, and as a file `_qtasks` in `$fpath`. */
export function zshScript({ flags, commands }: CommandLineWords): string {
  return `#compdef qtasks
# Completion of qtasks for zsh. In ~/.zshrc, after compinit: eval "$(qtasks completion zsh)"
_qtasks() {
  local qtasks=$words[1] context state state_descr line
  typeset -A opt_args
  local -a shared=(
${flags.map((flag) => `    ${flagSpec(flag)}`).join("\n")}
  )
  _arguments -C -S $shared '1: :_qtasks_commands' '*:: :->rest' && return
  [[ $state == rest ]] || return 1
  case $words[1] in
${commands.map(commandCase).join("\n")}
  esac
}
_qtasks_commands() {
  local -a commands=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`).join("\n")}
  )
  _describe command commands
}
_qtasks_ask() {
  local -a offers
  offers=("\${(@f)$("$qtasks" __complete $1 zsh 2> /dev/null)}")
  [[ $1 == ids ]] && offers=('@last:the task queued last' $offers)
  _describe -V $1 offers
}
if [[ $funcstack[1] == _qtasks ]]; then _qtasks "$@"; else compdef _qtasks qtasks; fi
`;
}

function commandCase({ name, flags, argument, isList }: CommandWords): string {
  const rest = argument === "nothing" ? [] : [`'${isList ? "*" : "1"}: :${action(argument)}'`];
  const specs = [...flags.map(flagSpec), ...rest].map((spec) => `      ${spec}`).join(" \\\n");
  return `    ${name}) _arguments -S $shared \\\n${specs} ;;`;
}

function flagSpec({ long, short, description, value, isRepeatable }: FlagWords): string {
  const names = short === undefined ? long : `{${short},${long}}`;
  const repeat = isRepeatable ? "'*'" : short === undefined ? "" : `'(${short} ${long})'`;
  const about = `[${description.replace(/[[\]:\\]/g, "\\$&")}]`;
  const taken = value === undefined ? "" : `:${long.slice(2)}:${action(value)}`;
  return `${repeat}${names}${quoted(about + taken)}`;
}

function action(candidates: Candidates): string {
  switch (candidates) {
    case "tasks":
    case "ids":
      // Without the space, zsh would put words of its own in between.
      return ` _qtasks_ask ${candidates}`;
    case "files":
      return "_files";
    case "nothing":
      return "";
    default:
      return `(${candidates.join(" ")})`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
