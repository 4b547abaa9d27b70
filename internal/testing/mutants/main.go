package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.pattern, "run", "", "only the mutants whose name matches this regular expression")
	flag.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "mutants tried at a time")
	flag.BoolVar(&o.build, "build", false, "only compile them")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

type options struct {
	pattern string
	jobs    int
	build   bool
}

func run(o options) error {
	names, err := regexp.Compile(o.pattern)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	began := time.Now()
	var (
		mu              sync.Mutex
		caught          int
		survived, wrong []string
		group           sync.WaitGroup
	)
	slots := make(chan struct{}, o.jobs)
	for _, m := range all() {
		if !names.MatchString(m.name) {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			began := time.Now()
			by, err := try(root, m, o.build)
			mu.Lock()
			defer mu.Unlock()
			took := time.Since(began).Seconds()
			switch {
			case err != nil:
				wrong = append(wrong, m.name)
				fmt.Printf("%-75s NOT TRIED: %s\n", m.name, err)
			case o.build:
				caught++
				fmt.Printf("%-75s compiles\n", m.name)
			case by == "":
				survived = append(survived, m.name)
				fmt.Printf("%-75s SURVIVED in %.0f s\n", m.name, took)
			default:
				caught++
				fmt.Printf("%-75s caught by %s in %.0f s\n", m.name, by, took)
			}
		})
	}
	group.Wait()
	fmt.Printf("total: %d mutants caught, %d survived, %d not tried, in %.0f s\n", caught, len(survived), len(wrong), time.Since(began).Seconds())
	if len(survived)+len(wrong) > 0 {
		return fmt.Errorf("survived: %q; not tried: %q", survived, wrong)
	}
	return nil
}

// try returns which test finds the mutant, or nothing if none does or if it is only built.
func try(root string, m mutant, build bool) (caughtBy string, err error) {
	files, err := readFiles(root, m.in)
	if err != nil {
		return "", err
	}
	changed, err := m.apply(files)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	overlay, err := writeOverlay(root, dir, changed)
	if err != nil {
		return "", err
	}
	packages := m.packages(changed.path)
	if build {
		out, err := goTool(root, "build", "-overlay", overlay, "./"+packages[0])
		if err != nil {
			return "", fmt.Errorf("it does not compile: %s", out)
		}
		return "", nil
	}
	for _, tests := range []string{m.hint, "."} {
		for _, pkg := range packages {
			if tests == "" || tests == m.hint && !hasTest(root, pkg, m.hint) {
				continue
			}
			if caughtBy, err = test(root, overlay, pkg, tests); caughtBy != "" || err != nil {
				return caughtBy, err
			}
		}
	}
	return "", nil
}

// writeOverlay writes the changed file and the description of it that the go command wants, and returns the latter's name.
func writeOverlay(root, dir string, changed file) (string, error) {
	replacement := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(replacement, []byte(changed.source), 0o600); err != nil {
		return "", err
	}
	original := filepath.Join(root, filepath.FromSlash(changed.path))
	content, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, content, 0o600)
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// hasTest returns whether a package has a test that a hint matches: others need not be linked for it.
func hasTest(root, pkg, hint string) bool {
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*_test.go"))
	if err != nil {
		return false
	}
	for _, name := range names {
		source, _ := os.ReadFile(name)
		for _, function := range testFunction.FindAllSubmatch(source, -1) {
			for wanted := range strings.SplitSeq(hint, "|") {
				wanted, _, _ = strings.Cut(wanted, "/")
				if regexp.MustCompile(wanted).Match(function[1]) {
					return true
				}
			}
		}
	}
	return false
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// test runs tests of one package with the mutant in place and returns the one that failed last: with -failfast the first.
func test(root, overlay, pkg, tests string) (caughtBy string, err error) {
	text, err := goTool(root, "test", "-overlay", overlay, "-vet=off", "-ldflags=-s -w", "-failfast", "-timeout", "3m", "-run", tests, "./"+pkg)
	found := failed.FindAllStringSubmatch(text, -1)
	switch {
	case err == nil:
		return "", nil
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
		return "", fmt.Errorf("it does not compile: %s", text)
	case strings.Contains(text, "panic: test timed out"):
		return pkg + " (time ran out)", nil
	case len(found) > 0:
		return pkg + " " + found[len(found)-1][1], nil
	case strings.Contains(text, "panic:"), strings.Contains(text, "FAIL"):
		return pkg + " (the test binary)", nil
	default:
		return "", fmt.Errorf("%w: %s", err, text)
	}
}

func goTool(root string, args ...string) (output string, err error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}
