/** The completion scripts, by shell. They call `fmc __complete` (index.ts) of the fmc that is on the command line. */
export const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# Completion of fmc for bash. In ~/.bashrc: source <(fmc completion bash)
_fmc() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default -o filenames 2>/dev/null; return ;;
      :directories) compopt -o dirnames -o filenames 2>/dev/null; return ;;
    esac
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("$1" __complete bash "$COMP_WORDBREAKS" "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  case \${#COMPREPLY[@]}:\${COMPREPLY[0]-} in
    1:*[=/]) compopt -o nospace 2>/dev/null ;;
  esac
}
complete -F _fmc fmc
`,
  zsh: `#compdef fmc
# Completion of fmc for zsh. In ~/.zshrc, after compinit: source <(fmc completion zsh)
_fmc() {
  local line
  local -a words_plain words_open plain_about open_about
  for line in "\${(@f)$("\${(Q)words[1]}" __complete words "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    case $line in
      '') continue ;;
      :files) _files; return ;;
      :directories) _files -/; return ;;
    esac
    local value=\${line%%$'\\t'*} about=''
    [[ $line == *$'\\t'* ]] && about="  -- \${line#*$'\\t'}"
    if [[ $value == *[=/] ]]; then
      words_open+=("$value"); open_about+=("$value$about")
    else
      words_plain+=("$value"); plain_about+=("$value$about")
    fi
  done
  compadd -l -d plain_about -a words_plain
  compadd -l -S '' -d open_about -a words_open
}
if [[ $funcstack[1] == _fmc ]]; then _fmc "$@"; else compdef _fmc fmc; fi
`,
  fish: `# Completion of fmc for fish: fmc completion fish >~/.config/fish/completions/fmc.fish
function __fmc_complete
    set -l words (commandline -opc)
    set -l found ($words[1] __complete words $words[2..-1] (commandline -ct) 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path (commandline -ct)
        case :directories
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\\n' $found
    end
end
complete -c fmc -f -a '(__fmc_complete)'
`,
}
