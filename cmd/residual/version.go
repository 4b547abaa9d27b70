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
	"github.com/residualdb/residual/cmd/residual/internal/serve"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version and commit of this program",
		Example: "  residual version",
		Args:    arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "residual %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// stampedVersion and stampedCommit are set by builds that see the repository where the go command does not, with
// -ldflags '-X main.stampedVersion=v1.2.3 -X main.stampedCommit=0123456789ab'. make build does.
var stampedVersion, stampedCommit string

// version returns what this program was built from: the module's version or devel, and the commit if something tells it.
func version() serve.Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return serve.Build{Version: cmp.Or(stampedVersion, "devel"), Commit: stampedCommit}
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) serve.Build {
	version, commit := strings.Trim(info.Main.Version, "()"), ""
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
	return serve.Build{Version: cmp.Or(stampedVersion, version, "devel"), Commit: cmp.Or(stampedCommit, commit)}
}

// commitDigits is how much of a commit is shown, as in the versions that the go command makes of commits.
const commitDigits = 12

// pseudoVersion is such a version, like v0.0.0-20260102030405-0123456789ab.
var pseudoVersion = regexp.MustCompile(`\d{14}-([0-9a-f]{12})(?:\+\w+)?$`)
