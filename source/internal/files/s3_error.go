package files

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/minio/minio-go/v7"

	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/source/internal/connector"
)

// passes tells whether a request may succeed when it is made again: the server has too much to do or is broken, or the connection was.
func passes(err error) bool {
	if ofFile(err) || errors.Is(err, errNotS3) || errors.Is(err, errEndless) || errors.Is(err, errNoKey) || errors.Is(err, errRole) || notTrusted(err) || notTLS(err) {
		return false
	}
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok {
		return true // of the connection
	}
	switch answer.Code {
	case "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling", "RequestLimitExceeded", "ExpiredToken":
		return true
	}
	return answer.StatusCode >= 500 && answer.StatusCode != http.StatusNotImplemented || answer.StatusCode == http.StatusTooManyRequests
}

// objectError gives an error of a request for an object the class that it has, if it is one of the object alone.
func (b *bucket) objectError(err error) error {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok {
		return err
	}
	switch {
	case answer.StatusCode == http.StatusPreconditionFailed:
		return errChanged
	case answer.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return errShort
	case answer.Code == "NoSuchKey":
		return errGone
	case answer.Code == "InvalidObjectState":
		return fmt.Errorf("%w: it is archived; restore it, and have files looked for on demand", errUnreadable)
	case answer.Code == "AccessDenied":
		return fmt.Errorf("%w: %s; allow s3:GetObject on the objects of %s", errForbidden, said(&answer), b.config.Bucket)
	}
	return err
}

// advised says of an error what was done and what to do about it.
func (b *bucket) advised(err error, doing string) error {
	if errors.Is(err, context.Canceled) || ofFile(err) {
		return err
	}
	advice := b.advice(err)
	if answer, ok := errors.AsType[minio.ErrorResponse](err); ok {
		err = errors.New(said(&answer))
	}
	err = fmt.Errorf("S3: %s at %s: %w", doing, b.client.EndpointURL().Host, err)
	if advice == "" {
		return err
	}
	return connector.Advise(err, advice)
}

// said is what a server answered, as it may be shown.
func said(answer *minio.ErrorResponse) string {
	const shownMax = 200
	text := answer.Message
	if answer.Code != "" && answer.Code != text {
		text = answer.Code + ": " + text
	}
	if len(text) > shownMax {
		text = strings.ToValidUTF8(text[:shownMax], "") + "..."
	}
	return plaintext.Escape(text)
}

// advice is what to do about an error.
func (b *bucket) advice(err error) string {
	var named x509.HostnameError
	var dns *net.DNSError
	var timeout net.Error
	answer, answered := errors.AsType[minio.ErrorResponse](err)
	switch {
	case errors.Is(err, errNoKey):
		return "add S3_ACCESS_KEY and S3_SECRET, or give the machine a role"
	case errors.Is(err, errRole):
		return "check S3_ARN, and that the role trusts the one of this machine"
	case answered:
		return b.adviceOn(&answer)
	case errors.Is(err, errNotS3), errors.Is(err, errEndless):
		return "what answers is no S3 server: check S3_ENDPOINT, its port, and proxies on the way"
	case errors.As(err, &named):
		return "the certificate is of another server: check S3_ENDPOINT"
	case notTrusted(err):
		return "add the certificate that signs the server's to those of the system, or name its file in SSL_CERT_FILE"
	case notTLS(err):
		return "the server speaks no TLS: write http:// in S3_ENDPOINT"
	case errors.As(err, &dns):
		return "check the name of the server in S3_ENDPOINT, and the region"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check S3_ENDPOINT and that the server runs"
	case errors.Is(err, errStalled), errors.As(err, &timeout) && timeout.Timeout():
		return "the server is slow or cannot be reached: check the network and S3_ENDPOINT"
	}
	return ""
}

// adviceOn is what to do about an answer.
func (b *bucket) adviceOn(answer *minio.ErrorResponse) string {
	name := b.config.Bucket
	switch answer.Code {
	case "NoSuchBucket":
		return "check IMPORT_BUCKET_URI, S3_ENDPOINT and S3_REGION: there is no bucket " + name
	case "InvalidBucketName":
		return "check IMPORT_BUCKET_URI"
	case "AccessDenied", "AllAccessDisabled", "AccountProblem":
		return "allow s3:ListBucket on the bucket " + name + " and s3:GetObject on its objects"
	case "InvalidAccessKeyId", "XAdminUserNotFound":
		return "the server does not know the key: check S3_ACCESS_KEY"
	case "SignatureDoesNotMatch":
		return "the secret is not that of the key: check S3_SECRET"
	case "RequestTimeTooSkewed", "RequestExpired":
		return "the clock of this machine or of the server is wrong: set it by NTP"
	case "ExpiredToken", "InvalidToken", "ExpiredTokenException":
		return "the key is of a session that is over: give a new one"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException", "InvalidRegion", "InvalidLocationConstraint":
		if answer.Region != "" {
			return "the bucket is in another region: write S3_REGION " + plaintext.Escape(answer.Region)
		}
		return "the bucket is in another region: check S3_REGION"
	case "SlowDown", "ServiceUnavailable", "Throttling", "RequestLimitExceeded", "InternalError":
		return "the server has too much to do or is broken; it is asked again"
	}
	switch {
	case strings.Contains(answer.Message, "HTTP request to an HTTPS server"), strings.Contains(answer.Message, "HTTP request was sent to HTTPS port"):
		return "the server speaks TLS: write https:// in S3_ENDPOINT"
	case answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusUnauthorized:
		return "check S3_ACCESS_KEY and S3_SECRET, and that the key may list the bucket " + name + " and read its objects"
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return "the bucket is elsewhere: check S3_REGION and S3_ENDPOINT"
	case answer.StatusCode >= 500:
		return "the server is broken or has too much to do; it is asked again"
	}
	return "what answers may be no S3 server: check S3_ENDPOINT"
}

// notTrusted tells whether an error is of a certificate.
func notTrusted(err error) bool {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var named x509.HostnameError
	var verify *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &named) || errors.As(err, &verify)
}

// notTLS tells whether an error is of a server that does not speak TLS.
func notTLS(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}
