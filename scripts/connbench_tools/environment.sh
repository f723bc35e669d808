# shellcheck shell=bash
# For the scripts in Bash. What child processes inherit: nothing of what git hands to a hook (see environment.py).
for variable in "${!GIT_@}"; do
  case $variable in
    GIT_CONFIG_GLOBAL | GIT_CONFIG_SYSTEM | GIT_CONFIG_NOSYSTEM) ;;
    *) unset "$variable" ;;
  esac
done
unset variable

# A closed stream gets /dev/null, so that no file of a child process takes its number.
{ : 3>&1; } 2>/dev/null || exec >/dev/null
{ : 3>&2; } 2>/dev/null || exec 2>/dev/null

# What cannot be printed is status 2, as for the scripts in Python. With `set -e` alone it would be 1, which is a result.
echo() { builtin echo "$@" || exit 2; }
printf() { builtin printf "$@" || exit 2; }
print_text() { cat || exit $(($? > 128 ? $? : 2)); } # from stdin; SIGPIPE ends it as it would end the script
