//go:build linux

package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed node
var nodeFiles embed.FS

// installation is the folder with our scripts and the packages, and what of it works.
type installation struct {
	modules  string
	versions map[string]string // engine to version
	missing  map[string]string // engine to reason
}

// install copies the scripts into dir, lets npm fetch the packages at the pinned versions and asks each engine for its
// version. What cannot be had is no error but a reason in missing.
func install(ctx context.Context, dir, data string) (installation, error) {
	in := installation{modules: dir, versions: map[string]string{}, missing: map[string]string{}}
	if err := copyScripts(dir); err != nil {
		return in, err
	}
	reason := npm(ctx, dir)
	for name, script := range map[string]string{"ClickHouse": clickhouseScript, "DuckDB": duckdbScript} {
		version, err := askVersion(ctx, dir, filepath.Join(data, script), script)
		if err != nil {
			in.missing[name] = gist(errors.Join(reason, err).Error())
			continue
		}
		in.versions[name] = version
	}
	return in, ctx.Err()
}

// askVersion proves that an engine works.
func askVersion(ctx context.Context, modules, dir, script string) (version string, err error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", errors.New("node is not installed")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := openPeer(ctx, modules, dir, dialect{script: script})
	if err != nil {
		return "", err
	}
	r, err := p.node.do(command{Op: "ask", SQL: "SELECT version() AS version"})
	if err := errors.Join(err, p.close()); err != nil {
		return "", err
	}
	if len(r.Rows) != 1 {
		return "", fmt.Errorf("%d rows for a version", len(r.Rows))
	}
	return fmt.Sprint(r.Rows[0]["version"]), nil
}

func copyScripts(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := nodeFiles.ReadDir("node")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := nodeFiles.ReadFile("node/" + entry.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, entry.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// npm installs unless it did so before for the same versions. The packages carry built libraries and need no scripts of theirs.
func npm(ctx context.Context, dir string) error {
	wanted, err := nodeFiles.ReadFile("node/package.json")
	if err != nil {
		return err
	}
	done := filepath.Join(dir, "node_modules", ".installed")
	if had, err := os.ReadFile(done); err == nil && bytes.Equal(had, wanted) {
		return nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm is not installed")
	}
	install := exec.CommandContext(ctx, "npm", "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w: %s", err, gist(string(out)))
	}
	return os.WriteFile(done, wanted, 0o644)
}

// gist is the line of a program's complaint that says what is wrong: the first that calls itself an error.
func gist(complaint string) string {
	for line := range strings.Lines(complaint) {
		if strings.Contains(line, "rror: ") || strings.Contains(line, "rror code ") {
			return strings.TrimSpace(line)
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(complaint), "\n")
	return first
}
