# Completion of connbench for fish. The program itself says what may follow, so that this knows all its connectors.
# For a program with connectors of your own: complete -c my_bench -f -a '(__connbench_complete)'

function __connbench_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] "$word" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$word"
    else if set -q lines[2]
        printf '%s\n' $lines[2..-1]
    end
end

complete -c connbench -f -a '(__connbench_complete)'
