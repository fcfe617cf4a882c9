/**
 * Scripts that teach shells the commands. They hold everything: completing starts no program.
 *
 * @module
 */

import type { Candidate, TreeNode } from "./command_tree.ts";

/** Shells that can be taught. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** One of {@link SHELLS}. */
export type Shell = typeof SHELLS[number];

/** The script for a shell, which completes `spinkube`; other words are completed as files. */
export function completionScript(
  tree: readonly TreeNode[],
  { shell, hasDescriptions }: { readonly shell: Shell; readonly hasDescriptions: boolean },
): string {
  const nodes = hasDescriptions ? tree : tree.map(({ path, candidates }) => ({
    path,
    candidates: candidates.map(({ text }) => ({ text, help: "" })),
  }));
  const formats = { bash: bashScript, zsh: zshScript, fish: fishScript, powershell: pwshScript };
  return formats[shell](nodes);
}

/** The words before the one that is typed make a path; words that are no command are passed over. */
function bashScript(tree: readonly TreeNode[]): string {
  const cases = tree.map(({ path, candidates }) =>
    `    "${path.join(" ")}") candidates="${candidates.map(({ text }) => text).join(" ")}" ;;`
  );
  return `# bash completion for spinkube
_spinkube() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word candidates=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${pathPattern(tree)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _spinkube spinkube
`;
}

function zshScript(tree: readonly TreeNode[]): string {
  const cases = tree.map(({ path, candidates }) =>
    `    ${quoteSh(path.join(" "))}) candidates=(${candidates.map(zshCandidate).join(" ")}) ;;`
  );
  return `#compdef spinkube
# zsh completion for spinkube
_spinkube() {
  local path_="" word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${path_:+$path_ }$word" in
      ${pathPattern(tree)}) path_="\${path_:+$path_ }$word" ;;
    esac
  done
  case "$path_" in
${cases.join("\n")}
  esac
  _describe 'spinkube' candidates || _files
}
if [ "$funcstack[1]" = "_spinkube" ]; then _spinkube "$@"; else compdef _spinkube spinkube; fi
`;
}

function zshCandidate({ text, help }: Candidate): string {
  return quoteSh(help === "" ? text : `${text}:${help.replaceAll(":", "\\:")}`);
}

function fishScript(tree: readonly TreeNode[]): string {
  const lines = tree.flatMap(({ path, candidates }) =>
    candidates.map(({ text, help }) => {
      const what = text.startsWith("--") ? `-l ${text.slice(2)}` : `-f -a ${quoteFish(text)}`;
      const description = help === "" ? "" : ` -d ${quoteFish(help)}`;
      const condition = quoteFish(`__spinkube_at ${quoteFish(path.join(" "))}`);
      return `complete -c spinkube -n ${condition} ${what}${description}`;
    })
  );
  const paths = tree.filter(({ path }) => path.length > 0)
    .map(({ path }) => quoteFish(path.join(" ")));
  return `# fish completion for spinkube
function __spinkube_at
  set -l path
  for word in (commandline -opc)[2..-1]
    set -l longer (string join -- ' ' $path $word)
    contains -- "$longer" ${paths.join(" ")}; and set path $longer
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function pwshScript(tree: readonly TreeNode[]): string {
  const entries = tree.map(({ path, candidates }) => {
    const list = candidates.map(({ text, help }) =>
      `@(${quotePwsh(text)}, ${quotePwsh(help || text)})`
    );
    return `    ${quotePwsh(path.join(" "))} = @(${list.join(", ")})`;
  });
  return `# PowerShell completion for spinkube
Register-ArgumentCompleter -Native -CommandName spinkube -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $tree = @{
${entries.join("\n")}
  }
  $path = ''
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    if ($element.Extent.EndOffset -ge $cursorPosition) { break }
    $longer = "$path $element".Trim()
    if ($tree.ContainsKey($longer)) { $path = $longer }
  }
  $tree[$path] | Where-Object { $_[0] -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
  }
}
`;
}

function pathPattern(tree: readonly TreeNode[]): string {
  return tree.filter(({ path }) => path.length > 0).map(({ path }) => quoteSh(path.join(" ")))
    .join(" | ");
}

function quoteSh(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function quoteFish(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}

function quotePwsh(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
