package main

import (
	"runtime"
	"runtime/debug"

	"github.com/credkit/credkit-go/facade"
)

type versionCommand struct{}

// build is what is known of this program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run shows the version.
func (c *versionCommand) Run(p *program) error {
	b := build{Version: facade.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				b.Revision = s.Value + b.Revision
			case s.Key == "vcs.modified" && s.Value == "true":
				b.Revision += " and changes"
			}
		}
	}
	if p.format() != formatTable {
		return printOne(p, layout[build]{csv: []column[build]{
			{name: "version", cell: func(b build) string { return b.Version }},
			{name: "revision", cell: func(b build) string { return b.Revision }},
			{name: "go", cell: func(b build) string { return b.Go }},
			{name: "platform", cell: func(b build) string { return b.Platform }},
		}}, b)
	}
	return printFields(p, []field{{"credkit", b.Version}, {"revision", dashIfEmpty(b.Revision)}, {"go", b.Go}, {"platform", b.Platform}})
}
