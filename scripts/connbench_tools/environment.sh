# shellcheck shell=bash
# What child processes inherit, for the scripts in Bash: nothing of what git hands to a hook (see environment.py).
for variable in "${!GIT_@}"; do
  case $variable in
    GIT_CONFIG_GLOBAL | GIT_CONFIG_SYSTEM | GIT_CONFIG_NOSYSTEM) ;;
    *) unset "$variable" ;;
  esac
done
unset variable
