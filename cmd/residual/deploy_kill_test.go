package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	deployKillsFlag    = flag.Int("kill.deploys", 3, "how often TestKillDeploy kills the server")
	deployKillSeedFlag = flag.Uint64("kill.deployseed", 1, "seed of TestKillDeploy")
)

// killedParts is how many data sources and pipes a project of TestKillDeploy has of each.
const killedParts = 20

// versioned is a project of which each file names its version.
func versioned(n int) map[string]string {
	files := map[string]string{}
	for i := range killedParts {
		name := fmt.Sprintf("part_%02d_v%d", i, n)
		files["datasources/"+name+".datasource"] = scoresFile
		files["endpoints/"+name+"_pipe.pipe"] = "NODE n\nSQL >\n    SELECT model_id, count() AS n FROM ml_model_predictions GROUP BY model_id\nTYPE endpoint\n"
	}
	return files
}

// tryDeploy deploys, and tells whether the server said that it is live. A server that is gone is no error.
func tryDeploy(address string, files map[string]string) (live bool, err error) {
	var form strings.Builder
	w := multipart.NewWriter(&form)
	for name, text := range files {
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="data_project://"; filename=%q`, name))
		part, err := w.CreatePart(header)
		if err == nil {
			_, err = io.WriteString(part, text)
		}
		if err != nil {
			return false, err
		}
	}
	if err := w.Close(); err != nil {
		return false, err
	}
	response, err := http.Post(address+"/v1/deploy?auto_promote=true&allow_destructive_operations=true", w.FormDataContentType(), strings.NewReader(form.String())) //nolint:noctx // it ends with its server
	if err != nil {
		return false, nil // it was killed
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false, nil // it was killed
	}
	if response.StatusCode != http.StatusOK {
		return false, errors.New(string(body))
	}
	return strings.Contains(string(body), `"live":true`), nil
}

// TestKillDeploy kills a server again and again while projects are deployed to it. After each start it has one of them, whole: the last that
// was live to its deployer, or one that was on its way.
func TestKillDeploy(t *testing.T) {
	binary, data := build(t), filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(data, 0o700))
	rng := rand.New(rand.NewPCG(*deployKillSeedFlag, 0))
	t.Logf("seed %d", *deployKillSeedFlag)
	version := regexp.MustCompile(`"name":"part_\d\d_v(\d+)(_pipe)?"`)
	tried, acknowledged, deploys := 0, 0, 0
	for range *deployKillsFlag {
		server := startProcess(t, binary, data, "--log-level", "error")
		if acknowledged > 0 {
			counts := map[string]int{}
			for _, path := range []string{"/v0/datasources", "/v0/pipes"} {
				for _, match := range version.FindAllStringSubmatch(get(t, server.address+path), -1) {
					counts[match[1]+match[2]]++
				}
			}
			require.Len(t, counts, 2, "data sources and pipes of one version: %v", counts)
			found := 0
			for n := acknowledged; n <= tried; n++ {
				if counts[strconv.Itoa(n)] == killedParts && counts[strconv.Itoa(n)+"_pipe"] == killedParts {
					found = n
				}
			}
			require.NotZero(t, found, "%v is not of %d to %d", counts, acknowledged, tried)
			acknowledged = found
		}
		ended := make(chan error, 1)
		began := make(chan struct{})
		go func() {
			for first := true; ; first = false {
				tried++
				live, err := tryDeploy(server.address, versioned(tried))
				if err != nil || !live {
					ended <- err
					return
				}
				acknowledged = tried
				deploys++
				if first {
					close(began)
				}
			}
		}()
		<-began
		time.AfterFunc(time.Duration(rng.IntN(100))*time.Millisecond, func() { _ = server.cmd.Process.Kill() })
		require.NoError(t, <-ended)
		require.Equal(t, -1, server.exit(t), "it was killed")
	}
	t.Logf("%d deploys, %d kills, 0 violations,", deploys, *deployKillsFlag)
}
