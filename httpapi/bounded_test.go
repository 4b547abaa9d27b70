package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/race"
)

// The attacker has a token that is bounded to the models of one team. Two stores differ in nothing but what other teams have,
// and how that has the rows lie: every answer to the attacker must be the same from both, to the byte.

// The models of the attacker's team, and those of others. Names that look like patterns are among either.
var (
	teamPattern = []string{"team_a_*", "solo"}
	teamModels  = []string{"team_a_1", "team_a_2", "team_a_*", "team_a_x,team_b", "team_a_é", "team_a_1,team_a_2", "team_a_*,solo", "solo"}
	otherModels = []string{
		"team_a", "team_b", "team", "Team_a_1", "team_b,team_a_1", "solo2", "solo,team_a_1", "*", "team_*", "solo,team_a_*", "default_model", "latest",
		"aaa", "aab", "aac", "zzz", "solo,", " solo",
	}
)

// half is one of the two stores behind a server.
type half struct {
	*running
	db      *engine.DB
	crowded bool // has what others send
	// tags numbers the entity tags of answers to the attacker, as it has come to see them.
	tags map[string]int
}

// attack is a test that asks both sides.
type attack struct {
	t       *testing.T
	rand    *rand.Rand
	clock   *clock
	sides   [2]*half
	client  *http.Client
	team    string            // the token of the attacker
	tokens  map[string]string // of others, by name
	answers map[string]int    // how often the sides differed for who is not bounded, by route
	found   map[string]bool   // routes that told the attacker about a model of its own
	kinds   map[string]bool   // of questions that were asked
}

// request is one request as the attacker sends it.
type request struct {
	method, target string
	body           []byte
	headers        []string
}

func startAttack(t *testing.T) *attack {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	a := &attack{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), clock: &clock{}, tokens: map[string]string{}, answers: map[string]int{}, found: map[string]bool{}, kinds: map[string]bool{},
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}},
	}
	t.Cleanup(a.client.CloseIdleConnections)
	a.clock.nanos.Store(-int64(3 * time.Hour)) // what fill sends to be remembered for an hour is given up by its end
	dir := t.TempDir()
	labels := labels()
	labels.Grants = []httpapi.Grant{{Token: "team-a", Append: true}, {Token: "team-a"}, {Token: "other", Append: true}}
	further := []httpapi.Datasource{scores(), labels}
	create := func(name string, models []string, scopes ...string) string {
		token, err := httpapi.CreateProjectToken(httpapi.TokensIn(dir), httpapi.Token{Name: name, Scopes: scopes, Models: models, Created: now}, further, nil)
		require.NoError(t, err)
		return token
	}
	everything := slices.Concat(httpapi.Scopes()[2:], []string{
		"DATASOURCES:APPEND:scores", "DATASOURCES:READ:scores", "DATASOURCES:DELETE:scores", "PIPES:READ:scores_quarantine", "DATASOURCES:DELETE:labels",
	})
	a.team = create("team-a", teamPattern, everything...)
	a.tokens["admin"] = create("admin", nil, "ADMIN")
	a.tokens["other"] = create("other", nil, everything...)
	a.tokens["team-b"] = create("team-b", []string{"team_b*"}, everything...)
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	for i := range a.sides {
		db, err := engine.Open(t.TempDir(), engine.Options{
			Now: a.clock.now, Elapsed: func() time.Duration { return time.Duration(a.clock.nanos.Load()) + 3*time.Hour }, NoBackground: true, ActualsTTL: time.Hour,
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		server := startWith(t, db, httpapi.Options{
			Tokens: tokens, Now: a.clock.now, Connectors: attackedConnectors{i == 1}, ModelGaugesMax: len(teamModels) - 1, ModelGaugesEnvironments: "*", Limits: httpapi.Limits{
				RequestsPerSecond: 1_000_000, QueryTimeout: 10 * time.Minute, AppendTimeout: 10 * time.Minute,
			},
		})
		require.NoError(t, server.SetProject(further, &fakeSet{fakeEndpoints}))
		a.sides[i] = &half{running: server, db: db, crowded: i == 1, tags: map[string]int{}}
	}
	return a
}

// attackedConnectors are connectors that read what others send.
type attackedConnectors struct{ crowded bool }

func (c attackedConnectors) Connectors() []httpapi.Connector {
	shown := httpapi.Connector{Name: "scores", Kind: "kafka", Place: "topic solo", State: "failing", Since: now, Rows: 1}
	if c.crowded {
		shown.Rows, shown.LagMessages, shown.Error, shown.LastError = 1000, 5, "team_b", "team_b"
	}
	return []httpapi.Connector{shown}
}

func (attackedConnectors) Ask(string) (bool, error) { return true, nil }

func (attackedConnectors) Stale() string { return "" }

// send sends a request to one side and returns the answer, with all that a client sees of it but the time of day.
func (a *attack) send(to *half, token string, r request) (status int, answer string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), r.method, to.url(r.target), bytes.NewReader(r.body))
	require.NoError(a.t, err)
	for i := 0; i < len(r.headers); i += 2 {
		req.Header.Set(r.headers[i], r.headers[i+1])
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if token != a.team {
		to = &half{running: to.running, tags: map[string]int{}}
	}
	resp, err := a.client.Do(req)
	require.NoError(a.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(a.t, err)
	var text strings.Builder
	fmt.Fprintln(&text, resp.Proto, resp.StatusCode, resp.ContentLength, resp.TransferEncoding)
	resp.Header.Del("Date")
	if tag := resp.Header.Get("ETag"); tag != "" { // a secret number: which are the same is all that they tell
		if to.tags[tag] == 0 {
			to.tags[tag] = len(to.tags) + 1
		}
		resp.Header.Set("ETag", fmt.Sprint("tag ", to.tags[tag]))
	}
	require.NoError(a.t, resp.Header.Write(&text))
	text.WriteString("\r\n")
	if strings.HasPrefix(r.target, "/v0/datasources/") {
		body = jobID.ReplaceAll(body, []byte("<job>"))
	}
	text.Write(body)
	return resp.StatusCode, text.String()
}

// jobID is the id of a deletion, which is random.
var jobID = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)

// bodyOf is an answer without its head, of which the quota is a part.
func bodyOf(answer string) string {
	_, body, _ := strings.Cut(answer, "\r\n\r\n")
	return body
}

// learn sends the attacker's request to both sides, which must answer the same, and returns the answer.
func (a *attack) learn(route string, r request) (int, string) {
	a.t.Helper()
	status, alone := a.send(a.sides[0], a.team, r)
	_, crowded := a.send(a.sides[1], a.team, r)
	require.Equal(a.t, alone, crowded, "%s %s\n%s", r.method, r.target, r.body)
	require.Less(a.t, status, 500, alone)
	if status == http.StatusOK && (strings.Contains(alone, "team_a_1") || strings.Contains(alone, "solo")) {
		a.found[route] = true
	}
	return status, alone
}

// compare asks both sides as one who is not bounded, and counts where they differ: an attack on what is the same anyway
// shows nothing.
func (a *attack) compare(route string, r request) {
	a.t.Helper()
	_, alone := a.send(a.sides[0], a.tokens["admin"], r)
	_, crowded := a.send(a.sides[1], a.tokens["admin"], r)
	if bodyOf(alone) != bodyOf(crowded) {
		a.answers[route]++
	}
}

// line is a prediction as NDJSON; an empty actual leaves it out.
func line(model, version, environment, id string, at time.Time, predicted, actual string) string {
	if actual != "" {
		actual = `,"actual_value":` + actual
	}
	return fmt.Sprintf(`{"timestamp":%q,"model_id":%q,"model_version":%q,"environment":%q,"prediction_id":%q,"features":"{\"country\":\"DE\"}","predicted_value":%s%s}`+"\n",
		at.UTC().Format("2006-01-02 15:04:05.000"), model, version, environment, id, predicted, actual)
}

// predictions are rows of models, of versions and in environments that both sides share and that they do not.
func (a *attack) predictions(models, versions, environments []string, n int) (lines string) {
	pick := func(some []string) string { return some[a.rand.IntN(len(some))] }
	var b strings.Builder
	for i := range n {
		actual := ""
		if a.rand.IntN(4) > 0 {
			actual = strconv.Itoa(a.rand.IntN(1000))
		}
		at := a.clock.now().Add(-time.Duration(a.rand.Int64N(int64(9 * 24 * time.Hour))))
		b.WriteString(line(pick(models), pick(versions), pick(environments), fmt.Sprint("p", i), at, strconv.Itoa(a.rand.IntN(1000)), actual))
	}
	return b.String()
}

func actualsOf(models []string, value string) string {
	var b strings.Builder
	for i, model := range models {
		for id := range 20 {
			fmt.Fprintf(&b, `{"model_id":%q,"prediction_id":"p%d","actual_value":%s}`+"\n", model, id*7+i, value)
		}
		fmt.Fprintf(&b, `{"model_id":%q,"prediction_id":"never","actual_value":%s}`+"\n", model, value)
	}
	return b.String()
}

var (
	teamVersions      = []string{"v1", "v2", "v3", "latest,v9"}
	teamEnvironments  = []string{"production", "production", "staging", "prod,stag"}
	otherVersions     = []string{"v1", "v2", "w1", "latest"}
	otherEnvironments = []string{"production", "staging", "secret"}
)

// brokenLines are lines of a model that are quarantined, and lines of which no model can be told.
func brokenLines(model string) string {
	good := strings.TrimSpace(line(model, "v1", "production", "broken", now, "1", ""))
	return strings.Join([]string{
		strings.Replace(good, `"predicted_value":1`, `"predicted_value":"1"`, 1),
		strings.Replace(good, `"predicted_value":1`, `"predicted_value":01`, 1),
		strings.Replace(good, `"timestamp":"2`, `"timestamp":"9`, 1),
		strings.Replace(good, `{`, `{"model_id":"team_b",`, 1),
		strings.Replace(good, `{`, `{"model\u005fid":"team_b",`, 1),
		good + `{"model_id":"team_b"}`, `["` + model + `"]`, model, good[:len(good)-1],
	}, "\n") + "\n"
}

const (
	sendPredictions = "/v0/events?name=ml_model_predictions"
	sendActuals     = "/v0/events?name=ml_model_actuals"
)

// fill loads both sides: what the attacker's team sends goes to both, between it what others send to one, which is sealed
// meanwhile.
func (a *attack) fill() {
	others := func(name, target, body string, headers ...string) {
		a.t.Helper()
		status, answer := a.send(a.sides[1], a.tokens[name], request{"POST", target, []byte(body), headers})
		require.Equal(a.t, http.StatusAccepted, status, answer)
	}
	team := func(target, body string, headers ...string) string {
		a.t.Helper()
		status, answer := a.learn("fill", request{"POST", target, []byte(body), headers})
		require.Equal(a.t, http.StatusAccepted, status, answer)
		return answer
	}
	for i := range 6 {
		// Actuals whose time is over are given up by the next record, whoever sends it: a load of others can be seen by that.
		team(sendPredictions, "nothing\n")
		key := fmt.Sprint("key-", i)
		theirs := a.predictions(otherModels, otherVersions, otherEnvironments, 700)
		others("other", sendPredictions, theirs+brokenLines("team_b"), "Idempotency-Key", key)
		ours := a.predictions(teamModels, teamVersions, teamEnvironments, 200)
		team(sendPredictions, ours+brokenLines("team_a_1")+line("team_b", "v1", "production", "foreign", now, "1", "2"), "Idempotency-Key", key)
		team(sendPredictions, ours, "Idempotency-Key", key+"again")
		if i == 2 {
			others("other", sendActuals, actualsOf(otherModels, "7"))
			require.NoError(a.t, a.sides[1].db.Checkpoint(a.t.Context()))
			require.NoError(a.t, a.sides[1].db.Merge(a.t.Context()))
			team(sendActuals, actualsOf(append([]string{"team_b", "*"}, teamModels...), "5"))
		}
		others("team-b", sendPredictions, brokenLines("team_b2")+line("team_b", "w1", "secret", "p1", now, "3", ""))
		others("other", sendPredictions, `{"model_id":"team_b","features":"theirs","model_id":"team_a_1"}`+"\n"+`{"model_id":"team_b",x{"model_id":"team_a_1"}}`+"\n")
		others("other", sendActuals, actualsOf(otherModels[:3], "null"))
		a.clock.nanos.Add(int64(25 * time.Minute))
	}
	a.clock.nanos.Store(0)
	team(sendPredictions, "nothing\n")
	others("other", sendPredictions, a.predictions(otherModels, otherVersions, otherEnvironments, 300))
	team(sendPredictions, a.predictions(teamModels, teamVersions, teamEnvironments, 50))
	others("other", sendPredictions, brokenLines("zzz"))
}

// probes are how many of attackedModels go with every other parameter.
const probes = 5

// attackedModels are the values of model_id.
func attackedModels() []string {
	first := []string{"*", "team_a_1", "team_b", "team_a_*", "team_b,team_a_1", "team_*", "solo,team_a_1"}
	more := []string{"", "team_a_*,solo", "t*", "aa*,zzz", "*,team_b", "absent", "absent,solo", "team_b*", "s*"}
	return slices.Compact(slices.Concat(first, more, teamModels, otherModels))
}

// attackedValues are values of every parameter of every pipe but model_id. A new parameter needs a row here.
var attackedValues = map[string][]string{
	"model_version":           {"latest", "*", "v1", "w1", "v1,w1", "latest,v1", "w*", ""},
	"environment":             {"production", "*", "secret", "prod*", "staging,secret", ""},
	"group_by":                {"", "model_id", "model_version", "environment", "model_version,environment", "nothing"},
	"time_window":             {"1", "300", "0", "abc"},
	"from":                    {"2025-04-20 00:00:00", "2025-04-26T12:00:00Z", "never"},
	"to":                      {"2025-04-26 00:00:00"},
	"as_of":                   {"2025-04-25 00:00:00", "2025-04-27 12:00:00", "never"},
	"min_actuals":             {"1", "1000000", "0"},
	"min_coverage":            {"0.9", "2"},
	"recent_window_hours":     {"1", "48"},
	"historical_window_hours": {"24", "500"},
	"offset":                  {"24", "-1"},
	"reference": {
		"version:v1", "version:w1", "version:previous", "pinned:2025-04-18 00:00:00,2025-04-22 00:00:00", "seasonal:1", "pinned:x",
	},
	"gap":                {"0"},
	"recent_min_actuals": {"1000"},
	"state":              {"ok,new,waiting"},
	"live":               {"true"},
	"q":                  {"TEAM"},
	"desc":               {"true"},
	"skip":               {"2"},
	"details":            {"true"},
	"totals":             {"true"},
	"model_id.eq":        {"team_b", "*"},
	"model_version.eq":   {"w1"},
	"environment.eq":     {"secret"},
	"drift_z":            {"0", "x"},
	"drift_change":       {"0"},
	"warning_z":          {"0"},
	"warning_change":     {"0"},
	"min_recent":         {"1"},
	"min_reference":      {"1"},
	"interval":           {"6h", "2h"},
	"timezone":           {"Europe/Berlin", "Mars"},
	"name":               {"", "ml_model_predictions", "ml_model_actuals", "nothing"},
	"limit":              {"1", "3", "10000", "0"},
	"actuals":            {"known", "waiting", "nothing"},
	"prediction_id":      {"p1", "e1", "never", ""},
	"feature.<key>":      {"DE", "FR"},
	"order":              {"timestamp", "-timestamp", "abs_error", "attention", "sample", "nothing"},
	"columns":            {"model_id,prediction_id", "nothing"},
	"digits":             {"3", "0"},
	"seed":               {"7", "x"},
	"layout":             {"series", "nothing"},
	"of":                 {"error", "predicted", "nothing"},
	"buckets":            {"5", "1000", "0"},
	"reference_from":     {"2025-04-18 00:00:00"},
	"reference_to":       {"2025-04-22 00:00:00"},
}

// selecting are the parameters that say whose rows are meant: they go with all probes, the others with every second.
var selecting = map[string]bool{
	"model_version": true, "environment": true, "group_by": true, "reference": true, "name": true, "actuals": true, "prediction_id": true,
	"feature.<key>": true,
}

// asks tells whether a question of a kind is asked. All are with -residual.long; else one of each kind, and some of the others, which
// differ from run to run. With the race detector it is so for a share of the kinds, by chance: an attacker asks one question at a time.
func (a *attack) asks(kind string) bool {
	first := !a.kinds[kind]
	a.kinds[kind] = true
	return *long || a.rand.IntN(race.Share) == 0 && (first || a.rand.IntN(attackShare) == 0)
}

// attackShare is of how many questions of a kind one more is asked.
const attackShare = 16

// pipeAttack asks one pipe for every model, and for some by every parameter and in every format; for fewer of them again.
func (a *attack) pipeAttack(route string, again bool) {
	method, path, _ := strings.Cut(route, " ")
	pipe := strings.TrimPrefix(path, "/v0/pipes/")
	parameters := map[string]bool{}
	for _, p := range httpapi.Parameters(pipe) {
		parameters[p.Name] = true
		require.True(a.t, p.Name == "model_id" || attackedValues[p.Name] != nil, "the parameter %s of %s is in no row", p.Name, pipe)
	}
	ask := func(kind, format string, values url.Values, alsoOther bool) {
		a.t.Helper()
		if !alsoOther && !a.asks(fmt.Sprint(route, format, kind, again)) {
			return
		}
		r := request{method: method, target: path + "." + format + "?" + values.Encode()}
		if method == "POST" {
			r = request{method, path + "." + format, []byte(values.Encode()), []string{"Content-Type", "application/x-www-form-urlencoded"}}
		}
		a.learn(route, r)
		if alsoOther {
			a.compare(route, r)
		}
	}
	models := attackedModels()
	if !parameters["model_id"] {
		models = models[:1]
	}
	if again || method == "POST" {
		models = models[:min(len(models), 2)]
	}
	for i, model := range models {
		for _, wide := range []bool{false, true} {
			if wide && i >= 2 && i < probes {
				continue
			}
			base := url.Values{}
			if parameters["model_id"] {
				base.Set("model_id", model)
			}
			if wide && parameters["model_version"] {
				base.Set("model_version", "*")
				base.Set("environment", "*")
			}
			if parameters["interval"] {
				base.Set("interval", "1d")
			}
			ask(fmt.Sprint(model, wide && i < probes), "json", base, i < probes)
			if i >= probes {
				continue
			}
			for _, format := range []string{"jsoncompact", "csv", "csvwithnames", "ndjson", "parquet", "prometheus", "nothing", ""} {
				ask("", format, base, false)
			}
			for _, name := range slices.Sorted(maps.Keys(attackedValues)) {
				values := attackedValues[name]
				switch {
				case !parameters[name]: // it is ignored, whatever its value and beside what
					if i > 0 || wide {
						continue
					}
					values = values[:1]
				case i > 0 && again, i%2 > 0 && !selecting[name]:
					continue
				case method == "POST": // reads parameters as GET does
					values = values[:min(len(values), 2)]
				}
				for _, value := range values {
					values := maps.Clone(base)
					values.Set(strings.Replace(name, "<key>", "country", 1), value)
					if name == "reference_from" {
						values.Set("reference_to", "2025-04-24 00:00:00")
					}
					if name == "to" {
						values.Set("from", "2025-04-20 00:00:00")
					}
					ask(name, "json", values, false)
				}
			}
		}
	}
	if method == "GET" {
		for _, other := range []string{"HEAD", "OPTIONS", "PUT", "DELETE"} {
			a.learn(route, request{method: other, target: path + ".json?model_id=team_b"})
		}
		a.learn(route, request{method: "GET", target: path + ".json?model=team_b&modelId=team_a_1&q=select&page=2"})
	}
}

// listAttack asks a route that has no parameters.
func listAttack(a *attack, route string) {
	method, path, _ := strings.Cut(route, " ")
	for _, method := range []string{method, "HEAD", "OPTIONS", "PUT"} {
		for _, query := range []string{"", "?model_id=team_b", "?name=team_b&limit=1"} {
			a.learn(route, request{method: method, target: path + query})
		}
	}
	a.compare(route, request{method: method, target: path})
}

// eventsAttack sends rows of its own and of other models, under keys of others too.
func eventsAttack(a *attack, route string) {
	own, foreign := line("team_a_1", "v1", "production", "e1", now, "1", "2"), line("team_b", "v1", "production", "p1", now, "100", "2")
	array := "[" + strings.ReplaceAll(strings.TrimSpace(own+foreign), "\n", ",") + "]"
	var pretty bytes.Buffer
	require.NoError(a.t, json.Indent(&pretty, []byte(strings.TrimSpace(foreign)), "", " "))
	i := 0
	send := func(name, more, body string) {
		for _, headers := range [][]string{nil, {"Idempotency-Key", "key-1"}, {"Idempotency-Key", fmt.Sprint("own-", i)}, {"Idempotency-Key", fmt.Sprint("own-", i)}} {
			a.learn(route, request{"POST", "/v0/events?name=" + name + more, []byte(body), headers})
		}
		i++
	}
	send("ml_model_predictions", "", own+foreign)
	send("ml_model_predictions", "&wait=true", foreign)
	send("ml_model_predictions", "&format=json", array)
	send("ml_model_predictions", "", array)
	send("ml_model_predictions", "", pretty.String())
	send("ml_model_predictions", "", brokenLines("team_b"))
	send("ml_model_actuals", "", actualsOf([]string{"team_b", "team_a_2", "aaa", "solo"}, "3"))
	send("ml_model_actuals", "", actualsOf([]string{"zzz", "team_a_2"}, "null"))
	score := func(model string) string {
		return strings.Replace(strings.Replace(scoreLine, `"name":"m"`, fmt.Sprintf(`"name":%q`, model), 1), "1745690000", "1745749000", 1) + "\n"
	}
	send("scores", "", score("team_a_1")+strings.Replace(score("team_a_1"), "0.25", "true", 1)+strings.Replace(score("team_b"), "0.25", `true,"model_id":"solo"`, 1)+score("team_b")+brokenLines("team_b"))
	send("scores", "&format=json", score("team_b"))
	send("labels", "", `{"model":"team_b","ref":{"id":"p1"},"label":3}`+"\n"+`{"model":"solo","ref":{"id":"p1"},"label":3}`+"\n")
	for _, name := range []string{"nothing", "", "team_b", "ml_model_predictions_quarantine"} {
		send(name, "", own)
	}
	for _, model := range otherModels {
		send("ml_model_predictions", "", line(model, "v1", "production", "e2", now, "1", "2"))
	}
	a.learn(route, request{method: "GET", target: "/v0/events?name=ml_model_predictions"})
}

// filesAttack uploads files with rows of its own and of other models.
func filesAttack(a *attack, route string) {
	csv := "timestamp,model_id,prediction_id,features,predicted_value,actual_value,model_version,environment\n" +
		"2025-04-27 11:00:00,team_a_1,f1,{},1,2,v1,production\n2025-04-27 11:00:00,team_b,p1,{},1,2,v1,production\n" +
		"2025-04-27 11:00:00,team_a_1,f1\n2025-04-27 11:00:00,\"team_b,team_a_1\",p1,{},1,2,v1,production\n"
	type row struct {
		Timestamp   string  `parquet:"timestamp"`
		Model       string  `parquet:"model_id"`
		ID          string  `parquet:"prediction_id"`
		Features    string  `parquet:"features"`
		Predicted   float64 `parquet:"predicted_value"`
		Actual      float64 `parquet:"actual_value"`
		Version     string  `parquet:"model_version"`
		Environment string  `parquet:"environment"`
	}
	var columns, form bytes.Buffer
	require.NoError(a.t, parquet.Write(&columns, []row{
		{"2025-04-27 11:30:00", "team_b", "p1", "{}", 1, 2, "v1", "production"}, {"2025-04-27 11:30:00", "solo", "f1", "{}", 1, 2, "v1", "production"},
	}))
	parts := multipart.NewWriter(&form)
	part, err := parts.CreateFormFile("csv", "rows.csv")
	require.NoError(a.t, err)
	_, err = io.WriteString(part, csv)
	require.NoError(a.t, err)
	require.NoError(a.t, parts.Close())
	for _, r := range []request{
		{body: []byte(csv)},
		{target: "&format=csv", body: []byte(csv)},
		{target: "&format=parquet", body: columns.Bytes()},
		{target: "&format=ndjson", body: []byte(line("team_b", "v1", "production", "p1", now, "1", "") + line("solo", "v1", "production", "f2", now, "1", ""))},
		{body: form.Bytes(), headers: []string{"Content-Type", parts.FormDataContentType()}},
		{target: "&mode=replace"},
		{target: "&name=scores"},
		{target: "&url=x"},
	} {
		for _, key := range []string{"", "key-1", "file", "file"} {
			r.method, r.headers = "POST", slices.Clone(r.headers)
			if key != "" {
				r.headers = append(r.headers, "Idempotency-Key", key)
			}
			sent := r
			sent.target = "/v0/datasources?name=ml_model_predictions" + r.target
			a.learn(route, sent)
		}
	}
	a.learn(route, request{"POST", "/v0/datasources?name=ml_model_actuals&format=csv", []byte("model_id,prediction_id,actual_value\nteam_b,p1,9\nsolo,p2,9\n"), nil})
}

// backupsAttack asks for copies of all there is.
func backupsAttack(a *attack, route string) {
	for _, target := range []string{"", "/none/renew", "/none/end"} {
		a.learn(route, request{method: "POST", target: "/v0/backups" + target})
	}
	for _, target := range []string{"", "/none", "/none/files/tokens.json", "/none/files/segments/000000000001.pack"} {
		a.learn(route, request{method: "GET", target: "/v0/backups" + target})
	}
}

// deployAttack tries to deploy: no token that is bounded may.
func deployAttack(a *attack, route string) {
	_, path, _ := strings.Cut(route, " ")
	body, contentType := projectForm(a.t, map[string]string{"datasources/team_b.datasource": "SCHEMA >\n"})
	for _, target := range []string{path, path + "?check=true", "/v1/deployments/1/set-live", "/v1/deployments/1"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a.learn(route, request{method, target, []byte(body), []string{"Content-Type", contentType}})
		}
	}
}

// tokensAttack tries to make a token and to revoke others.
func tokensAttack(a *attack, route string) {
	for _, r := range []request{
		{method: "POST", target: "/v0/tokens?name=new&scope=ADMIN"},
		{method: "POST", target: "/v0/tokens?name=team-a&scope=ADMIN"},
		{method: "DELETE", target: "/v0/tokens/team-b"},
		{method: "DELETE", target: "/v0/tokens/none"},
		{method: "GET", target: "/v0/tokens/team-b"},
	} {
		a.learn(route, r)
	}
}

// exampleAttack asks for the addresses of pipes.
func exampleAttack(a *attack, route string) {
	for _, pipe := range []string{"models", "team_b", "scores_quarantine", ""} {
		a.learn(route, request{method: "GET", target: "/examples/query.http?pipe=" + pipe})
	}
}

// datasourcesAttack asks for the data sources of a project, and for what was rejected there.
func (a *attack) datasourcesAttack() {
	// What others send names the attacker's models where the mapping does not look.
	decoy := strings.Replace(strings.Replace(scoreLine, `"name":"m"`, `"name":"zzz","model_id":"solo"`, 1), `"id":"a"`, `"id":true,"model_id":"team_a_1"`, 1)
	status, answer := a.send(a.sides[1], a.tokens["other"], request{"POST", "/v0/events?name=scores", []byte(decoy), nil})
	require.Equal(a.t, http.StatusAccepted, status, answer)
	require.Contains(a.t, answer, `"quarantined_rows":1`)
	for _, name := range []string{"scores", "labels"} {
		a.learn("POST /v0/datasources/<name>/sync", request{method: "POST", target: "/v0/datasources/" + name + "/sync"})
		a.learn("GET /v0/datasources/<name>", request{method: "GET", target: "/v0/datasources/" + name})
		for _, format := range []string{"json", "csv", "parquet", "nothing"} {
			for _, query := range []string{"?limit=10000", "?limit=1", "?model_id=team_b"} {
				a.learn("GET /v0/pipes/<name>_quarantine", request{method: "GET", target: "/v0/pipes/" + name + "_quarantine." + format + query})
			}
		}
		a.learn("GET /v0/pipes/quarantine", request{method: "GET", target: "/v0/pipes/quarantine.json?name=" + name})
		_, _ = a.learn("POST /v0/datasources", request{"POST", "/v0/datasources?format=csv&name=" + name, []byte("id,ts,model,label,ref\n1,1745749000,team_b,2,p1\n1,1745749000,solo,2,p1\n"), nil})
	}
	require.True(a.t, a.found["GET /v0/pipes/<name>_quarantine"], "the attacker sees its own rejects")
	a.compare("GET /v0/pipes/<name>_quarantine", request{method: "GET", target: "/v0/pipes/scores_quarantine.json?limit=10000"})
}

// deletesAttack deletes rows of its own and of other models, by any condition, and last all that it may. What others have
// deleted it cannot ask for.
func (a *attack) deletesAttack() {
	const route = "POST /v0/datasources/<name>/delete"
	of := func(source, action string, values url.Values) request {
		return request{method: "POST", target: "/v0/datasources/" + source + "/" + action + "?" + values.Encode()}
	}
	sources := []string{"ml_model_predictions", "ml_model_actuals", "ml_model_predictions_quarantine", "ml_model_actuals_quarantine", "nothing", "team_b", "scores", "scores_quarantine", "labels"}
	for _, condition := range []string{
		"model_id = 'team_b'", "model_id = '*'", "model_id IN ('team_b', 'team_a_1')", "model_id = 'team_a_*'", "prediction_id = 'p1'", "model_version = 'w1'",
		"environment = 'secret'", "timestamp >= '2025-04-26 00:00:00'", "model_id = 'team_b' AND model_id = 'team_a_1'", "model_id = 'absent'", "predicted_value > 1", "",
	} {
		for _, source := range sources {
			for _, dry := range []string{"true", "false", "maybe"} {
				if !a.asks(fmt.Sprint(route, condition, source, dry)) {
					continue
				}
				a.learn(route, of(source, "delete", url.Values{"delete_condition": {condition}, "dry_run": {dry}}))
			}
		}
	}
	answer := a.answerOf(a.sides[1], a.tokens["other"], of("ml_model_predictions", "delete", url.Values{"delete_condition": {"model_id = 'absent'"}}))
	var theirs struct{ ID string }
	require.NoError(a.t, json.Unmarshal([]byte(answer), &theirs), answer)
	for _, id := range []string{theirs.ID, "AAAAAAAAAAAAAAAAAAAAAAAAAA", "", "team_b"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a.learn("GET /v0/jobs/<id>", request{method: method, target: "/v0/jobs/" + id})
		}
	}
	for _, source := range sources {
		a.learn("POST /v0/datasources/<name>/truncate", of(source, "truncate", url.Values{"delete_condition": {"model_id = 'team_b'"}}))
		a.learn("POST /v0/datasources/<name>/truncate", of(source, "truncate", nil))
	}
	for _, pipe := range []string{"models", "predictions", "quarantine"} {
		a.learn(route, request{method: "GET", target: "/v0/pipes/" + pipe + ".csv?limit=1000&model_id=*&model_version=*&environment=*"})
	}
}

// answerOf is the body of an answer as it is.
func (a *attack) answerOf(to *half, token string, r request) string {
	_, body := to.do(a.t, r.method, r.target, bytes.NewReader(r.body), "Authorization", "Bearer "+token)
	return body
}

// attacks are how each route is attacked, but for those of pipes. A new route needs a row here.
var attacks = map[string]func(a *attack, route string){
	"POST /v0/events":            eventsAttack,
	"POST /v0/datasources":       filesAttack,
	"POST /v0/backups":           backupsAttack,
	"GET /v0/sql":                sqlAttack,
	"POST /v0/sql":               sqlAttack,
	"GET /v0/datasources":        listAttack,
	"GET /v0/pipes":              listAttack,
	"GET /v0/pipes/openapi.json": listAttack,
	"GET /health":                listAttack,
	"GET /metrics":               listAttack,
	"GET /v0/tokens":             listAttack,
	"POST /v0/tokens":            tokensAttack,
	"GET /v0/jobs":               listAttack,
	"GET /mcp":                   listAttack, // its agent asks with the token that it is given
	"POST /mcp":                  listAttack,
	"POST /v1/deploy":            deployAttack,
	"POST /v1/build":             deployAttack,
	"GET /v1/deployments":        listAttack,
	"GET /examples/query.http":   exampleAttack,
}

// tellsAll are the routes that tell everybody the same.
var tellsAll = append([]string{"GET /v0/jobs", "GET /v0/pipes", "GET /v0/pipes/openapi.json", "GET /health", "GET /v1/deployments", "GET /v0/tokens", "GET /mcp"}, workspaceRoutes()...)

// workspaceRoutes are what clients ask for the workspace.
func workspaceRoutes() (routes []string) {
	for _, path := range httpapi.WorkspacePaths() {
		routes = append(routes, "GET "+path)
	}
	return routes
}

// TestBoundedTokenLearnsNothing takes a token of one team through every route, pipe, parameter and format of two servers.
func TestBoundedTokenLearnsNothing(t *testing.T) {
	a := startAttack(t)
	a.fill()
	theirs := a.theirs()
	// Reading comes first, then writing, then reading what was written.
	for _, again := range []bool{false, true} {
		for _, route := range httpapi.Surface() {
			method, path, _ := strings.Cut(route, " ")
			switch run := attacks[route]; {
			case run == nil && slices.Contains(workspaceRoutes(), route):
				listAttack(a, route)
			case run != nil:
				if method == "GET" {
					run(a, route)
				}
			case strings.HasPrefix(path, "/v0/pipes/"):
				a.pipeAttack(route, again)
			default:
				t.Errorf("%s is in no row", route)
			}
		}
		for _, route := range httpapi.Surface() {
			if run := attacks[route]; run != nil && strings.HasPrefix(route, "POST") {
				run(a, route)
			}
		}
	}
	for _, target := range []string{"/", "/v0/tokens", "/v0/jobs", "/v0/pipes/team_b.json", "/v0/datasources/ml_model_predictions"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS"} {
			a.learn("nothing", request{method: method, target: target})
		}
	}
	a.datasourcesAttack()
	a.deletesAttack()
	require.Equal(t, theirs, a.theirs(), "the models of others are as they were")
	for _, route := range httpapi.Surface() {
		if strings.HasPrefix(route, "POST") && attacks[route] != nil {
			continue
		}
		static := slices.Contains(tellsAll, route)
		require.Equal(t, static, a.answers[route] == 0, "%s: who is not bounded sees what others have", route)
		require.True(t, static || a.found[route] || strings.Contains(route, "model_drift_detection") || strings.Contains(route, "/connectors") || strings.HasSuffix(route, "/status") || strings.HasSuffix(route, "/model_error_distribution") || route == "GET /v0/datasources", "%s tells the attacker nothing at all", route)
	}
}

// theirs is what the models of others come to.
func (a *attack) theirs() string {
	var all strings.Builder
	for _, model := range otherModels {
		if model == "*" {
			continue // asks for all of them, those of the team too
		}
		for _, pipe := range []string{"models", "model_performance_report"} {
			values := url.Values{"model_id": {model}, "model_version": {"*"}, "environment": {"*"}, "time_window": {"1000"}}
			_, answer := a.send(a.sides[1], a.tokens["admin"], request{method: "GET", target: "/v0/pipes/" + pipe + ".csv?" + values.Encode()})
			all.WriteString(bodyOf(answer))
		}
	}
	return all.String()
}
