# shellcheck shell=bash
# Completion of connbench for bash. The program itself says what may follow, so that this knows all its connectors.
# For a program with connectors of your own: complete -F _connbench my_bench

_connbench() {
  local line=${COMP_LINE:0:COMP_POINT} word settled
  local -a words candidates
  read -ra words <<<"$line" # not COMP_WORDS, which bash also breaks at ':' and '='
  [[ $line == *[[:space:]] ]] && words+=('')
  word=${words[-1]}
  mapfile -t candidates < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
  if [[ ${candidates[0]-} == files ]]; then
    COMPREPLY=()
    compopt -o default
    return
  fi
  # bash replaces only what is behind the last of its word breaks.
  settled=${word%"${word##*["$COMP_WORDBREAKS"]}"}
  candidates=("${candidates[@]:1}")
  candidates=("${candidates[@]%%$'\t'*}")
  COMPREPLY=("${candidates[@]#"$settled"}")
  if ((${#candidates[@]} == 1)) && [[ ${candidates[0]} == *[:=+] ]]; then
    compopt -o nospace
  fi
}

complete -F _connbench connbench
