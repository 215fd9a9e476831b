package main

import (
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" complete:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// completeCommand is what the scripts below call, with the words up to the cursor.
const completeCommand = "__complete"

// The scripts print what completeCommand prints; where that is nothing, files.
var completionScripts = map[string]string{
	"bash": `_credkit() {
	local IFS=$'\n'
	COMPREPLY=($(credkit __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _credkit credkit
`,
	"zsh": `#compdef credkit
_credkit() {
	local -a found
	found=("${(@f)$(credkit __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -z "$found[1]" ]]; then
		_files
		return
	fi
	found=("${(@)found//:/\\:}")
	found=("${(@)found/$'\t'/:}")
	_describe credkit found
}
if [[ "$funcstack[1]" = _credkit ]]; then _credkit; else compdef _credkit credkit; fi
`,
	"fish": `complete -c credkit -f -a '(credkit __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c credkit -l file -r -F
`,
}

// Run prints the script.
func (c *completionCommand) Run(p *program) error {
	_, err := io.WriteString(p.stdout, completionScripts[c.Shell])
	return err
}

// printCandidates prints what the last word may be, a line each, with a tab and its
// meaning where it has one.
func (p *program) printCandidates(root *kong.Node, words []string) error {
	_, err := io.WriteString(p.stdout, strings.Join(candidates(root, words), ""))
	return err
}

// candidates are the lines of printCandidates. A shell may give --flag=value as
// three words (bash does).
func candidates(root *kong.Node, words []string) (lines []string) {
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "=" })
	last := ""
	if n := len(words); n > 0 {
		words, last = words[:n-1], words[n-1]
	}
	node := root
	var flag *kong.Flag // whose value comes next
	for _, word := range words {
		switch {
		case flag != nil:
			flag = nil
		case strings.HasPrefix(word, "-"):
			if flag = flagNamed(node, word); flag != nil && flag.IsBool() {
				flag = nil
			}
		default:
			if i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word }); i >= 0 {
				node = node.Children[i]
			}
		}
	}
	add := func(word, help string) {
		if strings.HasPrefix(word, last) {
			lines = append(lines, strings.TrimSuffix(word+"\t"+help, "\t")+"\n")
		}
	}
	switch {
	case flag != nil:
		for _, value := range valuesOf(flag.Tag) {
			add(value, "")
		}
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				add("--"+f.Name, f.Help)
			}
		}
	default:
		for _, child := range node.Children {
			add(child.Name, child.Help)
		}
		for _, positional := range node.Positional {
			for _, value := range valuesOf(positional.Tag) {
				add(value, "")
			}
		}
	}
	return lines
}

// flagNamed is the flag that a word names, or nil: also for --flag=value, which
// needs no more.
func flagNamed(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}

// valuesOf are those in the tag complete of a flag or argument.
func valuesOf(tag *kong.Tag) (values []string) {
	switch known := tag.Get("complete"); known {
	case "":
		return nil
	case "operations":
		for _, service := range []spec.Service{cosmic.Service, certn.Service} {
			for _, op := range service.Operations {
				values = append(values, string(op.ID))
			}
		}
		return values
	default:
		return strings.Split(known, ",")
	}
}
