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
	"strings"
	"sync"
	"time"
)

func main() {
	pattern := flag.String("run", "", "only the mutants whose name matches this regular expression")
	jobs := flag.Int("jobs", 2, "mutants tried at a time")
	flag.Parse()
	if err := run(*pattern, *jobs); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(pattern string, jobs int) error {
	names, err := regexp.Compile(pattern)
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
	slots := make(chan struct{}, jobs)
	for _, m := range all() {
		if !names.MatchString(m.name) {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			by, took, err := try(root, m)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				wrong = append(wrong, err.Error())
				fmt.Printf("%-60s %s\n", m.name, err)
			case by == "":
				survived = append(survived, m.name)
				fmt.Printf("%-60s SURVIVED in %.0fs\n", m.name, took.Seconds())
			default:
				caught++
				fmt.Printf("%-60s caught by %s in %.0fs\n", m.name, by, took.Seconds())
			}
		})
	}
	group.Wait()
	fmt.Printf("%d mutants caught, %d survived, %d could not be tried, in %.0fs\n", caught, len(survived), len(wrong), time.Since(began).Seconds())
	if len(survived)+len(wrong) > 0 {
		return fmt.Errorf("survivors: %q; not tried: %q", survived, wrong)
	}
	return nil
}

// try returns which test finds the mutant, or nothing if none does.
func try(root string, m mutant) (caughtBy string, took time.Duration, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	overlay, err := overlay(root, dir, m)
	if err != nil {
		return "", 0, err
	}
	if m.hint != "" {
		caughtBy, err = test(root, overlay, m, m.packages()[0], m.hint)
	}
	for _, pkg := range m.packages() {
		if caughtBy == "" && err == nil {
			caughtBy, err = test(root, overlay, m, pkg, ".")
		}
	}
	return caughtBy, time.Since(began), err
}

// overlay writes the changed file and the description of it that the go command wants.
func overlay(root, dir string, m mutant) (string, error) {
	source, err := m.apply(root)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, []byte(source), 0o600); err != nil {
		return "", err
	}
	original := filepath.Join(root, filepath.FromSlash(m.file))
	content, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, content, 0o600)
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// test runs tests of one package with the mutant in place and returns the one that failed first.
func test(root, overlay string, m mutant, pkg, tests string) (caughtBy string, err error) {
	cmd := exec.Command("go", "test", "-overlay", overlay, "-failfast", "-timeout", "3m", "-run", tests, pkg)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	text := out.String()
	found := failed.FindAllStringSubmatch(text, -1)
	switch {
	case err == nil:
		return "", nil
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
		return "", fmt.Errorf("%s does not compile: %s", m.name, text)
	case strings.Contains(text, "panic: test timed out"):
		return pkg + " (time ran out)", nil
	case len(found) > 0:
		return pkg + " " + found[len(found)-1][1], nil
	case strings.Contains(text, "panic:"), strings.Contains(text, "FAIL"):
		return pkg + " (the test binary)", nil
	default:
		return "", fmt.Errorf("%s: %w: %s", m.name, err, text)
	}
}
