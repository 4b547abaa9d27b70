package project_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/project"
)

// tutorial is the data source as the tutorial prints it.
const tutorial = `DESCRIPTION >
    Stores machine learning model predictions and actual outcomes for performance monitoring

SCHEMA >
    ` + "`timestamp` DateTime `json:$.timestamp`," + `
    ` + "`model_id` String `json:$.model_id`," + `
    ` + "`prediction_id` String `json:$.prediction_id`," + `
    ` + "`features` String `json:$.features`," + `
    ` + "`predicted_value` Float64 `json:$.predicted_value`," + `
    ` + "`actual_value` Float64 `json:$.actual_value`," + `
    ` + "`model_version` String `json:$.model_version`," + `
    ` + "`environment` String `json:$.environment`" + `

ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(timestamp)"
ENGINE_SORTING_KEY "timestamp, model_id, prediction_id"
`

// load reads a project of files by name.
func load(t *testing.T, files map[string]string) (*project.Project, project.Problems) {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	p, problems, err := project.Load(folder, func(name string) (string, bool) { return "hush", name == "KNOWN" })
	require.NoError(t, err)
	return p, problems
}

func TestTutorial(t *testing.T) {
	p, problems := load(t, map[string]string{"datasources/ml_model_predictions.datasource": tutorial})
	require.Empty(t, problems, problems.String())
	require.Len(t, p.Datasources, 1)
	d := p.Datasources[0]
	require.Equal(t, "ml_model_predictions", d.Name)
	require.Equal(t, "Stores machine learning model predictions and actual outcomes for performance monitoring", d.Description)
	require.False(t, d.Mapping.Actuals)
	all, _ := d.Mapping.ColumnNames()
	require.Len(t, d.Mapping.Columns, len(all))
	for i, name := range all {
		c := event.MappedColumn{Name: name, Path: []string{name}}
		if name == "timestamp" {
			c.Unit = time.Second
		}
		require.Equal(t, c, d.Mapping.Columns[i])
	}
}

// schema is a .datasource file with a line in the place of one of the tutorial's columns.
func schema(column, line string) string {
	var b strings.Builder
	for l := range strings.Lines(tutorial) {
		if strings.HasPrefix(strings.TrimSpace(l), "`"+column+"`") {
			l = "    " + line + ",\n"
			if line == "" {
				continue
			}
		}
		b.WriteString(l)
	}
	return b.String()
}

func TestColumns(t *testing.T) {
	for _, c := range []struct {
		column, line string
		want         event.MappedColumn
	}{
		{"predicted_value", "predicted_value Float32 `json:$.prediction.score`", event.MappedColumn{Name: "predicted_value", Path: []string{"prediction", "score"}}},
		{"timestamp", "timestamp DateTime64(3, 'UTC') `json:$.ts`", event.MappedColumn{Name: "timestamp", Path: []string{"ts"}, Unit: time.Millisecond}},
		{"timestamp", "timestamp DateTime64(9) `json:$.ts`", event.MappedColumn{Name: "timestamp", Path: []string{"ts"}, Unit: time.Nanosecond}},
		{"environment", "environment LowCardinality(Nullable(String)) `json:$.env` DEFAULT 'prod''s' CODEC(ZSTD(1))", event.MappedColumn{Name: "environment", Path: []string{"env"}, Default: "prod's", HasDefault: true}},
		{"prediction_id", "`prediction_id` UInt64 `json:$.id`", event.MappedColumn{Name: "prediction_id", Path: []string{"id"}, Integer: true}},
		{"features", "features String `json:$`", event.MappedColumn{Name: "features"}},
		{"features", "", event.MappedColumn{Name: "features", Default: "{}", HasDefault: true}},
		{"actual_value", "actual_value Nullable(Float64) `json:$.actual` DEFAULT -1.5", event.MappedColumn{Name: "actual_value", Path: []string{"actual"}, Default: "-1.5", HasDefault: true}},
	} {
		p, problems := load(t, map[string]string{"a.datasource": schema(c.column, c.line)})
		require.Empty(t, problems, problems.String())
		require.Equal(t, &c.want, p.Datasources[0].Mapping.Column(c.column), c.line)
	}
	p, problems := load(t, map[string]string{"a.datasource": "SCHEMA >\n model_id String, prediction_id String, actual_value Float64"})
	require.Empty(t, problems, problems.String())
	require.True(t, p.Datasources[0].Mapping.Actuals)
}

const (
	kafka = "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:9092, b:9092\nKAFKA_SECURITY_PROTOCOL SASL_SSL\nKAFKA_SASL_MECHANISM SCRAM-SHA-256\n" +
		"KAFKA_KEY user\nKAFKA_SECRET {{ tb_secret(\"KNOWN\") }}\n"
	s3 = "TYPE s3\nS3_REGION eu-west-1\nS3_ACCESS_KEY key\nS3_SECRET \"{{tb_secret('OTHER', 'fall back')}}\"\n"
)

func TestConnectors(t *testing.T) {
	p, problems := load(t, map[string]string{
		"connections/k.connection": kafka, "connections/s.connection": s3,
		"a.datasource": tutorial + "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC predictions\nKAFKA_GROUP_ID g\nKAFKA_AUTO_OFFSET_RESET earliest\nKAFKA_STORE_RAW_VALUE 'False'\nTOKEN reader READ\ntoken \"writer\" append\n",
		"b.datasource": tutorial + "IMPORT_CONNECTION_NAME s\nIMPORT_BUCKET_URI s3://bucket/p/**/*.ndjson.gz\nIMPORT_SCHEDULE @once\nIMPORT_FROM_TIMESTAMP 2026-11-01T00:00:00Z",
		"c.datasource": tutorial + "IMPORT_BUCKET_URI file:///in/*\nIMPORT_SCHEDULE @auto\nIMPORT_FORMAT csv\n",
	})
	require.Empty(t, problems, problems.String())
	k := p.Connections[0].Kafka
	require.Equal(t, []string{"a:9092", "b:9092"}, k.Servers)
	require.True(t, k.TLS)
	require.Equal(t, "SCRAM-SHA-256", k.Mechanism)
	require.Equal(t, "hush", k.Password.Reveal())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", *k, k, k, k.Password), "hush")
	require.Equal(t, "fall back", p.Connections[1].S3.SecretKey.Reveal())
	require.Equal(t, &project.KafkaSource{Connection: "k", Topic: "predictions", Group: "g", Earliest: true}, p.Datasources[0].Kafka)
	require.Equal(t, []project.TokenGrant{{Token: "reader"}, {Token: "writer", Append: true}}, p.Datasources[0].Tokens)
	require.Equal(t, &project.ImportSource{
		Connection: "s", Bucket: "bucket", Pattern: "p/**/*.ndjson.gz", Schedule: project.Once, From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}, p.Datasources[1].Import)
	require.Equal(t, &project.ImportSource{Pattern: "/in/*", Format: "csv"}, p.Datasources[2].Import)
}

// TestProblems has each way in which a file is wrong, with the place and the words.
func TestProblems(t *testing.T) {
	with := func(text string) map[string]string {
		return map[string]string{"a.datasource": tutorial + text, "k.connection": kafka, "s.connection": s3}
	}
	_, described, _ := strings.Cut(tutorial, "performance monitoring\n")
	connection := func(text string) map[string]string { return map[string]string{"a.connection": text} }
	column := func(name, line string) map[string]string {
		return map[string]string{"a.datasource": schema(name, line)}
	}
	kafkaOf := func(more string) map[string]string {
		return with("KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID g\n" + more)
	}
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{with("SHEMA >\n  a String\n"), `a.datasource:17:1: error: "SHEMA" is no command of a .datasource file`},
		{with("SHEMA >\n"), "did you mean SCHEMA?"},
		{with("SCHEMA >\n  a String\n"), "a.datasource:17:1: error: SCHEMA stands in line 4 already"},
		{with("  TAGS\n"), "a.datasource:17:3: error: TAGS has no value"},
		{with("SCHEMA a\n"), "SCHEMA takes a block"},
		{with("ENGINE_TTL >\n  a\n"), "ENGINE_TTL takes no block"},
		{with("ENGINE_VER \"x\n"), "a.datasource:17:12: error: the quote of ENGINE_VER is not closed"},
		{with("ENGINE_TTL \"timestamp + toIntervalDay(30)\"\n"), "a.datasource:17:1: warning: ENGINE_TTL has no effect"},
		{with("TOKEN a\n"), `a.datasource:17:7: error: "a" is not the name of a token and what it may do`},
		{with("TOKEN a WRITE\n"), `"WRITE" is nothing that a token may do`},
		{map[string]string{"a.datasource": "\xff"}, "a.datasource: error: the file is not UTF-8"},
		{map[string]string{"a.datasource": "TAGS a"}, "a.datasource: error: the file has no SCHEMA"},
		{map[string]string{"a.datasource": "SCHEMA >\n"}, "the schema has no columns"},
		{map[string]string{"a.datasource": strings.Replace(tutorial, `"MergeTree"`, `"AggregatingMergeTree"`, 1)}, "keeps something else than rows"},
		{map[string]string{"a-b.datasource": tutorial}, `"a-b" is no name`},
		{map[string]string{"a_quarantine.datasource": tutorial}, "is where the rejects of a data source are"},
		{map[string]string{"x/a.datasource": tutorial, "y/a.datasource": tutorial}, `y/a.datasource: error: x/a.datasource declares "a" already`},

		{column("model_id", ""), "the schema lacks the column model_id"},
		{column("model_id", "modelId String"), `"modelId" is no column of a prediction`},
		{column("model_id", "modelId String"), "did you mean model_id?"},
		{column("model_id", "latency Float64 `json:$.l`"), "map features to what holds it"},
		{column("model_id", "`model_id` String `json:$.a[:]`"), "a.datasource:6:23: error: \"json:$.a[:]\" leads to the elements of an array"},
		{column("model_id", "model_id String `$.a`"), `"$.a" is no path`},
		{column("model_id", "model_id String `json:$a`"), "is no path"},
		{column("model_id", "model_id String `json:$.a..b`"), "is no path"},
		{column("model_id", "model_id String `json:$.a"), "the quote is not closed"},
		{column("model_id", "model_id String `json:$`"), "model_id cannot be the whole event"},
		{column("model_id", "model_id Nullable(String `json:$.a`"), "where a parenthesis is to be closed"},
		{column("model_id", "model_id FixedString(3"), "a parenthesis is not closed"},
		{column("model_id", "model_id String MATERIALIZED 1"), `"MATERIALIZED" is not understood here`},
		{column("model_id", "model_id String DEFAULT now()"), "a default is a value that does not change"},
		{column("model_id", "model_id Float64"), "model_id cannot be Float64"},
		{column("model_id", "model_id Array(String)"), "model_id cannot be Array(String)"},
		{column("model_id", "`model_id` String; x"), `a.datasource:6:22: error: ";" is not understood here`},
		{column("model_id", "`prediction_id` String"), `the column "prediction_id" stands in line 6 already`},
		{column("model_id", "model_id"), "where the type of a column is expected"},
		{column("model_id", "?"), "where the name of a column is expected"},
		{column("timestamp", "timestamp String"), "timestamp cannot be String"},
		{column("timestamp", "timestamp DateTime64(3, 'Europe/Madrid')"), "timestamp cannot be DateTime64(3, 'Europe/Madrid')"},
		{column("timestamp", "timestamp DateTime DEFAULT '2026-11-01 00:00:00'"), "a timestamp has no default"},
		{column("predicted_value", "predicted_value String"), "predicted_value cannot be String"},
		{column("predicted_value", "predicted_value Float64 DEFAULT 'x'"), `"x" is not a number`},
		{column("predicted_value", "predicted_value Nullable(Float64)"), "warning: an event without a prediction goes to the quarantine"},

		{column("model_id", "model_id String DEFAULT ''"), "a.datasource:6:29: error: model_id: the default: "},
		{column("environment", "environment String DEFAULT '"+strings.Repeat("x", 300)+"'"), "the default has 300 bytes"},
		{column("predicted_value", "predicted_value Float64 DEFAULT 'nan'"), "the default is not a number"},
		{column("features", "features String DEFAULT 'not json'"), "features: the default: "},
		{column("prediction_id", "prediction_id String DEFAULT 'x'"), "prediction_id: it has no default"},
		{column("model_id", "model_id String `json:$.prediction_id`"), "it has the path of"},
		{column("timestamp", "timestamp DateTime('Europe/Berlin')"), "timestamp cannot be DateTime('Europe/Berlin')"},
		{column("model_id", "-- a comment"), "a schema has no comments"},
		{map[string]string{"a.datasource": "DESCRIPTION >\n    text\nNOTE this\nKAFKA_TOPC x\n" + described}, `a.datasource:4:1: error: "KAFKA_TOPC" is no command`},
		{map[string]string{"a.datasource": "DESCRIPTION >\n    text\nENGIN \"Foo\"\n" + described}, "did you mean ENGINE?"},
		{with("KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC a/b c\nKAFKA_GROUP_ID g\n"), "a.datasource:18:13: error: no topic can have this name"},
		{with("KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC ..\nKAFKA_GROUP_ID g\n"), "no topic can have this name"},
		{with("KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID {{ tb_secret(\"G\") }}\n"), "the secret G is not known"},
		{with("IMPORT_BUCKET_URI file:///a/x?.csv\nIMPORT_SCHEDULE @auto\n"), "are understood in no pattern"},
		{with("IMPORT_BUCKET_URI s3://b*/x.csv\nIMPORT_SCHEDULE @auto\nIMPORT_CONNECTION_NAME s\n"), "no bucket can have the name"},
		{with("IMPORT_BUCKET_URI s3://key:secret@bucket/x.csv\nIMPORT_SCHEDULE @auto\nIMPORT_CONNECTION_NAME s\n"), "no bucket can have the name"},
		{with("KAFKA_TOPIC t\n"), "a.datasource: error: the file lacks KAFKA_CONNECTION_NAME"},
		{with("KAFKA_TOPIC t\n"), "the file lacks KAFKA_GROUP_ID"},
		{with("KAFKA_CONNECTION_NAME s\nKAFKA_TOPIC t\nKAFKA_GROUP_ID g\n"), `the connection "s" is not of TYPE kafka`},
		{with("KAFKA_CONNECTION_NAME other\nKAFKA_TOPIC t\nKAFKA_GROUP_ID g\n"), `there is no connection "other"`},
		{kafkaOf("KAFKA_STORE_HEADERS True\n"), "KAFKA_STORE_HEADERS has no column to go to"},
		{kafkaOf("KAFKA_AUTO_OFFSET_RESET none\n"), "write one of latest, earliest"},
		{kafkaOf("KAFKA_VALUE_FORMAT avro\n"), `"avro" is no KAFKA_VALUE_FORMAT`},
		{kafkaOf("IMPORT_BUCKET_URI file:///a/*.csv\nIMPORT_SCHEDULE @auto\n"), "from Kafka or from files, not from both"},
		{with("IMPORT_BUCKET_URI http://a/b.csv\nIMPORT_SCHEDULE @auto\n"), "names no files"},
		{with("IMPORT_BUCKET_URI file:///a/*\nIMPORT_SCHEDULE @auto\n"), "the names of the files do not tell their format"},
		{with("IMPORT_BUCKET_URI file:///a/*.csv\n"), "the file lacks IMPORT_SCHEDULE"},
		{with("IMPORT_BUCKET_URI file:///a/*.csv\nIMPORT_SCHEDULE 0 * * * *\n"), `"0 * * * *" is no schedule`},
		{with("IMPORT_BUCKET_URI file:///a/*.csv\nIMPORT_SCHEDULE @once\nIMPORT_FROM_TIMESTAMP now\n"), `"now" is no time`},
		{map[string]string{
			"a.datasource": tutorial + "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID g\n", "k.connection": kafka,
			"b.datasource": tutorial + "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID g\n",
		}, "b.datasource:19:16: error: the data source a reads the same topic in the same group"},

		{connection("KAFKA_KEY a"), "a.connection: error: the file has no TYPE"},
		{connection("TYPE gcs"), `"gcs" is no type of connection`},
		{connection("TYPE kafka"), "the connection names no servers"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS localhost\n"), `"localhost" is no list of servers`},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nS3_REGION eu\n"), "S3_REGION is not of a connection of TYPE kafka"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_SECURITY_PROTOCOL SASL_SSL\n"), "SASL_SSL needs KAFKA_KEY and KAFKA_SECRET"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_KEY u\nKAFKA_SECRET s\n"), "nobody asks for the key"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_SASL_MECHANISM OAUTHBEARER\n"), `"OAUTHBEARER" is no KAFKA_SASL_MECHANISM`},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_SECURITY_PROTOCOL SSL\nKAFKA_SSL_CA_PEM >\n  nonsense\n"), "holds no certificate in PEM"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_SCHEMA_REGISTRY_URL http://r\n"), "warning: KAFKA_SCHEMA_REGISTRY_URL has no effect"},
		{connection("TYPE s3\nS3_ACCESS_KEY a\n"), "S3_ACCESS_KEY and S3_SECRET come together"},
		{connection("TYPE s3\n"), "the connection names no region"},
		{connection("TYPE s3\nS3_ENDPOINT localhost:9000\n"), "a.connection:2:13: error: this is no URL of a server"},
		{connection("TYPE s3\nS3_ENDPOINT http://h:1/path\n"), "this is no URL of a server"},
		{connection("TYPE s3\nS3_ENDPOINT http://h:1?x=y\n"), "this is no URL of a server"},
		{connection("TYPE s3\nS3_ENDPOINT http://u:pw@h:1\n"), "this is no URL of a server\n     1 | TYPE s3\n     2 | S3_ENDPOINT ***\n"},
		{connection("TYPE s3\nS3_REGION us east/../1\n"), "no region has this name"},
		{connection("TYPE s3\nS3_REGION eu\nS3_ARN rubbish\n"), "this is no ARN of a role"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS ,\n"), "the connection names no servers"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:99999\n"), `"a:99999" is no list of servers`},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:abc\n"), `"a:abc" is no list of servers`},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_SASL_MECHANISM PLAIN\n"), "KAFKA_SASL_MECHANISM has no effect"},
		{connection("TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_SECRET s\n"), "KAFKA_SECRET has no effect"},
		{connection("TYPE kafka\nKAFKA_SECRET hunter22\nKAFKA_SECURITY_PROTOCOL XX\nKAFKA_SECRT hunter22\n"), "\n     2 | KAFKA_SECRET ***\n     3 | KAFKA_SECURITY_PROTOCOL XX\n"},
		{connection("TYPE kafka\nKAFKA_SECRT hunter22\n"), "\n     2 | KAFKA_SECRT ***\n       | ^\n"},
		{connection("TYPE kafka\nKAFKA_SECRET {{ tb_secret(\"S\", \"hunter22\") }}\nKAFKA_SASL_MECHANISM X\n"), "\n     2 | KAFKA_SECRET ***\n"},
		{connection("TYPE kafka\nKAFKA_SECRET {{ tb_secret(\"S\") }}\nKAFKA_SASL_MECHANISM X\n"), "\n     2 | KAFKA_SECRET {{ tb_secret(\"S\") }}\n"},
		{connection("TYPE s3\nS3_REGION eu\nS3_ARN r\nS3_ACCESS_KEY a\nS3_SECRET b\n"), "a role or a key, not both"},
		{connection("TYPE s3\nS3_REGION eu\nS3_ACCESS_KEY a\nS3_SECRET {{ tb_secret(\"NOPE\") }}\n"), "the secret NOPE is not known"},
		{connection("TYPE s3\nS3_REGION eu\nS3_ACCESS_KEY a\nS3_SECRET {{ secret }}\n"), "what stands in double braces is not understood"},
	} {
		_, problems := load(t, c.files)
		require.Contains(t, problems.String(), c.want)
		require.NotContains(t, problems.String(), "hunter22")
	}
}

// TestProblemText holds the form in which people read a problem.
func TestProblemText(t *testing.T) {
	_, problems := load(t, map[string]string{"a.datasource": schema("model_id", "`model_id` Srting `json:$.model`")})
	require.Len(t, problems, 1)
	require.Equal(t, strings.Join([]string{
		"a.datasource:6:16: error: model_id cannot be Srting: it is of the type String",
		"     5 |     `timestamp` DateTime `json:$.timestamp`,",
		"     6 |     `model_id` Srting `json:$.model`,",
		"       |                ^",
		"     7 |     `prediction_id` String `json:$.prediction_id`,",
		"",
	}, "\n"), problems[0].String())
	require.Equal(t, 1, problems.Errors())
}

// FuzzLoad holds that whatever is in a file is read in time and memory of its size, that places are in the file, and that no secret
// is shown.
func FuzzLoad(f *testing.F) {
	f.Add(tutorial)
	f.Add(kafka)
	f.Add(s3)
	f.Add("SCHEMA >\n a Nullable(Nullable(LowCardinality(String))) `json:$` DEFAULT 'x' CODEC(((")
	f.Fuzz(func(t *testing.T, text string) {
		folder := fstest.MapFS{"a.datasource": {Data: []byte(text)}, "b.connection": {Data: []byte(text)}}
		p, problems, err := project.Load(folder, func(string) (string, bool) { return "the secret value", true })
		require.NoError(t, err)
		lines := strings.Split(text, "\n")
		for i := range problems {
			require.LessOrEqual(t, problems[i].Line, len(lines)+1)
			require.GreaterOrEqual(t, problems[i].Column, min(problems[i].Line, 1))
		}
		if !strings.Contains(text, "the secret value") {
			for _, c := range p.Connections {
				if c.Kafka != nil {
					require.NotContains(t, fmt.Sprintf("%+v %#v", c.Kafka.User, c.Kafka.Password), "the secret value")
				}
			}
			require.NotContains(t, problems.String(), "the secret value")
		}
	})
}
