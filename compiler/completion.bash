# Completion of cnnc for bash. Options and their values come from `cnnc --help`.
_cnnc()
{
    local cur prev words cword line
    if declare -F _init_completion >/dev/null; then
        _init_completion -n = || return
    else
        cur=${COMP_WORDS[COMP_CWORD]}
    fi
    case $cur in
    --dump=*) COMPREPLY=($(compgen -W "infer keep layers canonicalise simplify fuse select layout schedule plan" -- "${cur#*=}")) ;;
    --*=*)
        # values such as c|file|incbin; otherwise a file
        line=$(cnnc --help 2>/dev/null | grep -oE -- "${cur%%=*}\[?=[a-z0-9-]+(\|[a-z0-9-]+)+")
        if [ -n "$line" ]; then
            line=${line#*=}
            COMPREPLY=($(compgen -W "${line//|/ }" -- "${cur#*=}"))
        else
            COMPREPLY=($(compgen -f -- "${cur#*=}"))
        fi ;;
    -*)
        COMPREPLY=($(compgen -W "$(cnnc --help 2>/dev/null | grep -oE -- '--[a-z-]+=?' | sort -u)" -- "$cur"))
        case ${COMPREPLY[0]} in *=) compopt -o nospace ;; esac ;;
    *)
        compopt -o filenames
        COMPREPLY=($(compgen -d -- "$cur") $(compgen -f -X '!*.@(net|onnx)' -- "$cur")) ;;
    esac
}
shopt -q extglob || shopt -s extglob
complete -F _cnnc cnnc
