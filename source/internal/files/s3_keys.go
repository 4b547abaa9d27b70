package files

import (
	"errors"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/residualdb/residual/source/internal/connector"
)

// errNoKey is returned where neither the connection, nor the environment, nor the machine has a key.
var errNoKey = errors.New("neither the environment nor the machine's role has a key")

// keys are those with which requests are signed.
func keys(s *S3) *credentials.Credentials {
	if key := connector.Reveal(s.AccessKey); key != "" {
		return credentials.NewStaticV4(key, connector.Reveal(s.SecretKey), "")
	}
	machine := credentials.New(&machineKey{})
	if s.Role == "" {
		return machine
	}
	return credentials.New(&roleKey{machine: machine, s3: s})
}

// machineKey is that of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), or else that of the role that the machine, the
// container or the pod has.
type machineKey struct {
	env credentials.EnvAWS
	iam credentials.IAM
	// fromIAM is set for a key that expires.
	fromIAM bool
}

// RetrieveWithCredContext implements [credentials.Provider].
func (m *machineKey) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	value, err := m.env.RetrieveWithCredContext(cc)
	if err == nil && value.AccessKeyID != "" && value.SecretAccessKey != "" {
		m.fromIAM = false
		return value, nil
	}
	m.fromIAM = true
	if value, err = m.iam.RetrieveWithCredContext(cc); err != nil {
		return value, fmt.Errorf("%w: %w", errNoKey, err)
	}
	return value, nil
}

// Retrieve implements [credentials.Provider].
func (m *machineKey) Retrieve() (credentials.Value, error) { return m.RetrieveWithCredContext(nil) }

// IsExpired implements [credentials.Provider].
func (m *machineKey) IsExpired() bool { return m.fromIAM && m.iam.IsExpired() }

// roleKey is that of a role which the machine may take on.
type roleKey struct {
	machine *credentials.Credentials
	s3      *S3
	role    credentials.STSAssumeRole
}

// RetrieveWithCredContext implements [credentials.Provider].
func (r *roleKey) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	key, err := r.machine.GetWithContext(cc)
	if err != nil {
		return key, err
	}
	if cc != nil {
		r.role.Client = cc.Client
	}
	r.role.STSEndpoint = stsEndpoint(r.s3)
	r.role.Options = credentials.STSAssumeRoleOptions{
		AccessKey: key.AccessKeyID, SecretKey: key.SecretAccessKey, SessionToken: key.SessionToken,
		Location: r.s3.Region, RoleARN: r.s3.Role, RoleSessionName: "residual",
	}
	value, err := r.role.RetrieveWithCredContext(cc)
	if err != nil {
		return value, fmt.Errorf("%w %s: %w", errRole, r.s3.Role, err)
	}
	return value, nil
}

// errRole is the class of errors of a role that cannot be taken on.
var errRole = errors.New("take on the role")

// Retrieve implements [credentials.Provider].
func (r *roleKey) Retrieve() (credentials.Value, error) { return r.RetrieveWithCredContext(nil) }

// IsExpired implements [credentials.Provider].
func (r *roleKey) IsExpired() bool { return r.role.IsExpired() }

// stsEndpoint is the server that gives the keys of roles: Amazon's of the region, or the S3 server itself.
func stsEndpoint(s *S3) string {
	switch {
	case s.Endpoint != "":
		return s.Endpoint
	case strings.HasPrefix(s.Region, "cn-"):
		return "https://sts." + s.Region + ".amazonaws.com.cn"
	}
	return "https://sts." + s.Region + ".amazonaws.com"
}
