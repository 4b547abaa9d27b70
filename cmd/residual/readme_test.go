package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

const readme = "../../README.md"

// fenced returns the blocks of a document in a language.
func fenced(t *testing.T, document, language string) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	var blocks []string
	for _, match := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, match[1])
	}
	require.NotEmpty(t, blocks, "%s in %s", language, document)
	return blocks
}

// TestDocumentedCommands sends the requests of documents to a server and compares the answers with those they show.
func TestDocumentedCommands(t *testing.T) {
	for _, document := range []string{readme, "../../docs/http.md", "../../docs/datasources.md"} {
		t.Run(filepath.Base(document), func(t *testing.T) { checkCommands(t, document) })
	}
}

func checkCommands(t *testing.T, document string) {
	t.Helper()
	project := t.TempDir()
	writeFiles(t, project, filesOf(t, document))
	s, _ := serveProject(t, project)
	for _, block := range fenced(t, document, "console") {
		for _, step := range strings.Split("\n"+block, "\n$ ")[1:] {
			command, answer := cutCommand(step)
			words := shellWords(command)
			if words[0] == "residual" {
				checkLine(t, words[1:], project)
				continue
			}
			require.Equal(t, "curl", words[0])
			method, body := http.MethodGet, ""
			if len(words) > 2 {
				require.Equal(t, "-d", words[2])
				method, body = http.MethodPost, words[3]
			}
			target := strings.Replace(words[1], "http://127.0.0.1:7181", s.URL(), 1)
			request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
			require.NoError(t, err)
			request.Close = true
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			got, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, strings.TrimSpace(answer), strings.TrimSpace(string(got)), command)
		}
	}
}

// filesOf are the files of a project that a document shows: a name in backticks, and a block behind it.
func filesOf(t *testing.T, document string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	files := map[string]string{}
	for _, match := range regexp.MustCompile("(?s)\n`([a-z_/]+\\.(?:datasource|connection))`\n\n```text\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		files[match[1]] = match[2]
	}
	return files
}

// TestConnectorsDocument checks that the files which docs/connectors.md shows are a project without a fault.
func TestConnectorsDocument(t *testing.T) {
	t.Setenv("RESIDUAL_SECRET_KAFKA_SECRET", "secret")
	t.Setenv("RESIDUAL_SECRET_S3_SECRET", "secret")
	dir := t.TempDir()
	files := filesOf(t, "../../docs/connectors.md")
	require.NotEmpty(t, files)
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	r := run(t, "check", dir)
	require.Equal(t, exitOK, r.code, r.err)
}

// checkLine runs a documented command line about a project. A server is running already.
func checkLine(t *testing.T, words []string, project string) {
	t.Helper()
	if words[0] == "serve" {
		return
	}
	for i := range words {
		words[i] = strings.Replace(words[i], "./project", project, 1)
	}
	if words[0] == "token" {
		words = append(words, "--data-dir", t.TempDir())
	}
	r := run(t, words...)
	require.Equal(t, exitOK, r.code, r.err)
}

// cutCommand ends a command at the first newline outside single quotes.
func cutCommand(step string) (command, answer string) {
	quoted := false
	for i, c := range step {
		switch {
		case c == '\'':
			quoted = !quoted
		case c == '\n' && !quoted:
			return step[:i], step[i:]
		}
	}
	return step, ""
}

// TestReadmeLibrary checks that the library's code in the README is that of the compiled example.
func TestReadmeLibrary(t *testing.T) {
	example, err := os.ReadFile("../../engine/example_test.go")
	require.NoError(t, err)
	for _, block := range fenced(t, readme, "go") {
		require.Contains(t, plainCode(string(example)), plainCode(block))
	}
}

// plainCode drops indentation.
func plainCode(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

// TestDocumentLinks checks that what the documents link to exists: files, and headings in them.
func TestDocumentLinks(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	documents = append(documents, readme)
	for _, document := range documents {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(string(text), -1) {
			name, anchor, _ := strings.Cut(match[1], "#")
			target := document
			if name != "" {
				target = filepath.Join(filepath.Dir(document), name)
			}
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", document, match[1])
			if anchor != "" {
				require.Contains(t, anchors(t, target), anchor, "%s links to %s", document, match[1])
			}
		}
	}
}

// anchors returns the headings of a document as links name them.
func anchors(t *testing.T, document string) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		words := regexp.MustCompile(`[^a-z0-9_ -]`).ReplaceAllString(strings.ToLower(match[1]), "")
		found = append(found, strings.ReplaceAll(words, " ", "-"))
	}
	return found
}

// TestReadmeLimits checks the numbers of the README against those of the code.
func TestReadmeLimits(t *testing.T) {
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	for _, limit := range []string{
		fmt.Sprintf("is 1 to %d bytes; features are up to %d KiB; a line is up to %d MiB",
			event.NameBytesMax, event.FeaturesBytesMax>>10, event.LineBytesMax>>20),
		fmt.Sprintf("keys are remembered for %d days, up to a million", engine.KeysAge/arg.Day),
		fmt.Sprintf("kept up to %d,000 or %d MiB", engine.QuarantineRowsMax/1000, engine.QuarantineBytesMax>>20),
	} {
		require.Contains(t, string(text), limit)
	}
	require.Equal(t, 1_000_000, engine.KeysMax)
}
