package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

type versionResult struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // "" when the build does not know
	Go       string `json:"go"`
	System   string `json:"system"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Print the version of the program and what it was built with.",
		Args:  cobra.NoArgs,
		RunE: a.body(func(*cobra.Command, []string) error {
			v := buildVersion()
			if a.json {
				return a.result(v)
			}
			revision := v.Revision
			if revision != "" {
				revision = " " + revision
			}
			return a.say("quiverdb %s%s (%s %s)", v.Version, revision, v.Go, v.System)
		}),
	}
}

// buildVersion is what the build wrote into the binary, so that it cannot be
// forgotten at a release.
func buildVersion() versionResult {
	v := versionResult{Version: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}
