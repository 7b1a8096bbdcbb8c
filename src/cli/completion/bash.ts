import { allFlags, type Candidates, type CommandLineWords, type FlagWords } from "./words.js";

/** For bash 3.2 and later, without bash-completion. */
export function bashScript(words: CommandLineWords): string {
  const valued = allFlags(words).filter(({ value }) => value !== undefined);
  const { commands } = words;
  return `# Completion of qtasks for bash. In ~/.bashrc: eval "$(qtasks completion bash)"
_qtasks() {
  local qtasks=$1 line=\${COMP_LINE:0:COMP_POINT} command= given=0 offers= i
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local last=$((\${#words[@]} - 1))
  local current=\${words[last]} previous=\${words[last - 1]}
  COMPREPLY=()
  for ((i = 1; i < last; i++)); do
    case \${words[i]} in
      ${pattern(valued)}) i=$((i + 1)) ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=\${words[i]}; else given=$((given + 1)); fi ;;
    esac
  done
  case $previous in
${valued.map((flag) => `    ${pattern([flag])}) ${offer(flag.value ?? "nothing", true)} ;;`).join("\n")}
    *)
      if [[ $current == -* ]]; then
        offers="${flagList(words.flags)}"
        case $command in
${commands.map(({ name, flags }) => `          ${name}) offers+=" ${flagList(flags)}" ;;`).join("\n")}
        esac
      else
        case $command:$given in
          :0) offers="${commands.map(({ name }) => name).join(" ")}" ;;
${commands.map(({ name, argument, isList }) => `          ${name}:${isList ? "*" : "0"}) ${offer(argument, false)} ;;`).join("\n")}
        esac
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$offers" -- "$current"))
  # bash takes a word apart at colons, and replaces the last part only.
  local before=
  [[ $COMP_WORDBREAKS == *:* ]] && before=\${current%"\${current##*:}"}
  COMPREPLY=("\${COMPREPLY[@]#"$before"}")
}
_qtasks_ask() {
  "$1" __complete "$2" 2> /dev/null | cut -f 1
}
complete -F _qtasks qtasks
`;
}

function pattern(flags: readonly FlagWords[]): string {
  return flags.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short])).join("|");
}

function flagList(flags: readonly FlagWords[]): string {
  return flags.map(({ long }) => long).join(" ");
}

function offer(candidates: Candidates, isValue: boolean): string {
  switch (candidates) {
    case "tasks":
      return 'offers=$(_qtasks_ask "$qtasks" tasks)';
    case "ids":
      return 'offers="@last $(_qtasks_ask "$qtasks" ids)"';
    case "files":
      return 'COMPREPLY=($(compgen -f -- "$current")); return';
    case "nothing":
      return isValue ? "return" : ":";
    default:
      return `offers="${candidates.join(" ")}"`;
  }
}
