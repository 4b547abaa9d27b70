package serve

import (
	"time"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/source"
)

// What a project says in the terms of those that do it.

// Datasources returns the data sources of a project as a server has them.
func Datasources(p *project.Project) []httpapi.Datasource {
	list := make([]httpapi.Datasource, 0, len(p.Datasources))
	for _, d := range p.Datasources {
		served := httpapi.Datasource{Name: d.Name, Description: d.Description, Mapping: d.Mapping}
		for _, grant := range d.Tokens {
			served.Grants = append(served.Grants, httpapi.Grant{Token: grant.Token, Append: grant.Append})
		}
		list = append(list, served)
	}
	return list
}

// connectors are the data sources of a project that are fetched. Files are looked for each poll.
func (p *loadedProject) connectors(poll time.Duration) []source.Config {
	connections := map[string]*project.Connection{}
	for _, c := range p.Connections {
		connections[c.Name] = c
	}
	var configs []source.Config
	for _, d := range p.Datasources {
		if _, left := p.unfetched[d.Name]; left {
			continue
		}
		config := source.Config{Name: d.Name, Mapping: d.Mapping}
		switch {
		case d.Kafka != nil:
			c := connections[d.Kafka.Connection].Kafka
			config.Kafka = &source.Kafka{
				Servers: c.Servers, TLS: c.TLS, CA: c.CA, Mechanism: c.Mechanism, User: c.User, Password: c.Password,
				Topic: d.Kafka.Topic, Group: d.Kafka.Group, Earliest: d.Kafka.Earliest,
			}
		case d.Import != nil:
			config.Files = &source.Files{
				Bucket: d.Import.Bucket, Pattern: d.Import.Pattern, Format: d.Import.Format, From: d.Import.From, Poll: poll,
				Schedule: schedules[d.Import.Schedule],
			}
			if d.Import.Connection != "" {
				c := connections[d.Import.Connection].S3
				config.Files.S3 = &source.S3{Endpoint: c.Endpoint, Region: c.Region, AccessKey: c.AccessKey, SecretKey: c.SecretKey, Role: c.Role}
			}
		default:
			continue
		}
		configs = append(configs, config)
	}
	return configs
}

var schedules = [...]source.Schedule{project.Auto: source.Auto, project.OnDemand: source.OnDemand, project.Once: source.Once}

// shownConnector is the status of a connector as a server shows it.
func (p *loadedProject) shownConnector(s *source.Status) httpapi.Connector {
	text := func(err error) string {
		if err == nil {
			return ""
		}
		return p.redact(err.Error())
	}
	return httpapi.Connector{
		Name: s.Name, Kind: s.Kind, Place: s.Place, State: s.State.String(), Since: s.Since,
		Error: text(s.Err), NextTry: s.NextTry, LastError: text(s.LastErr), LastErrorAt: s.LastErrAt, LastStored: s.LastStored,
		LagMessages: float64(s.Lag.Messages), LagBytes: float64(s.Lag.Bytes), LagSeconds: s.Lag.Seconds,
		Rows: s.Counts.Rows, Replaced: s.Counts.Replaced, Rejects: s.Counts.Rejects, Bytes: s.Counts.Bytes,
		Skipped: s.Counts.Skipped, Retries: s.Counts.Retries, Lost: s.Counts.Lost, Failed: s.Counts.Failed,
	}
}
