package main

import (
	"cmp"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version and commit of this program",
		Example: "  residual version",
		Args:    arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "residual %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// stampedVersion and stampedCommit are set by builds that see the repository where the go command does not, with
// -ldflags '-X main.stampedVersion=v1.2.3 -X main.stampedCommit=0123456789ab'. make build does.
var stampedVersion, stampedCommit string

// version returns what this program was built from: the module's version or devel, and the commit, empty if nothing tells it.
func version() (version, commit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(stampedVersion, "devel"), stampedCommit
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) (version, commit string) {
	version = strings.Trim(info.Main.Version, "()")
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			commit = setting.Value[:min(commitDigits, len(setting.Value))] + commit
		case setting.Key == "vcs.modified" && setting.Value == "true":
			commit += "+changes"
		}
	}
	if match := pseudoVersion.FindStringSubmatch(version); match != nil && commit == "" {
		commit = match[1]
	}
	return cmp.Or(stampedVersion, version, "devel"), cmp.Or(stampedCommit, commit)
}

// commitDigits is how much of a commit is shown, as in the versions that the go command makes of commits.
const commitDigits = 12

// pseudoVersion is such a version, like v0.0.0-20260102030405-0123456789ab.
var pseudoVersion = regexp.MustCompile(`\d{14}-([0-9a-f]{12})(?:\+\w+)?$`)

// versionText is version and commit in one word.
func versionText() string {
	version, commit := version()
	if commit == "" || strings.Contains(version, strings.TrimSuffix(commit, "+changes")) {
		return version
	}
	return version + " " + commit
}
