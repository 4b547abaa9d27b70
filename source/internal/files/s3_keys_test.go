package files

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/fakes3"
	"github.com/residualdb/residual/source/internal/connector"
)

// TestKeysOfTheMachine reads with the key of the environment, with that of the machine's role, and with that of a role that the machine
// takes on, which expire and are asked for again.
func TestKeysOfTheMachine(t *testing.T) {
	s := start(t)
	s.Put("a", linesOf("a", 3), day)
	var asked atomic.Int64
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q,"Token":"t","Expiration":%q,"Code":"Success"}`,
			fakes3.AccessKey, fakes3.SecretKey, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(metadata.Close)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	c := configOf(s, "*")
	c.S3.AccessKey, c.S3.SecretKey = nil, nil

	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.URL)
	to := newStore()
	r := run1(t, c, to)
	eventually(t, func() bool { return len(to.stored()) == 3 }, "it is read by the key of the machine's role")
	before := asked.Load()
	eventually(t, func() bool { return asked.Load() > before+1 }, "the key is asked for again when it is over")
	require.NoError(t, r.stop())

	t.Setenv("AWS_ACCESS_KEY_ID", fakes3.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", fakes3.SecretKey)
	before = asked.Load()
	to = newStore()
	r = run1(t, c, to)
	eventually(t, func() bool { return len(to.stored()) == 3 }, "it is read by the key of the environment")
	require.NoError(t, r.stop())
	require.Equal(t, before, asked.Load())
}

// TestRole takes on a role with the key of the machine: requests for objects are signed with the role's.
func TestRole(t *testing.T) {
	s := start(t)
	s.Put("a", linesOf("a", 3), day)
	to := newStore()
	t.Setenv("AWS_ACCESS_KEY_ID", "machine")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "machine's")
	var refuse atomic.Bool
	target, err := url.Parse(s.URL)
	require.NoError(t, err)
	both := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			r.Host = target.Host
			s.ServeHTTP(w, r)
			return
		}
		signed := strings.Contains(r.Header.Get("Authorization"), "Credential=machine/")
		if refuse.Load() || !signed || r.FormValue("Action") != "AssumeRole" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/reader" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>`)
			return
		}
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId>`+
			`<SecretAccessKey>%s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			fakes3.AccessKey, fakes3.SecretKey, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(both.Close)
	c := configOf(s, "*")
	c.S3 = &S3{Endpoint: both.URL, Region: fakes3.Region, Role: "arn:aws:iam::1:role/reader"}
	r := run1(t, c, to)
	eventually(t, func() bool { return len(to.stored()) == 3 }, "it is read by the key of the role")
	require.NoError(t, r.stop())

	refuse.Store(true)
	err = <-run1(t, c, newStore()).done
	require.ErrorContains(t, err, "take on the role arn:aws:iam::1:role/reader")
	require.Contains(t, connector.Advice(err), "check S3_ARN")
}
