package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/segmentio/kafka-go"
)

// Explain adds to an error of reaching the cluster, or of what may be done
// there, which setting or right it is probably about.
func Explain(err error) error {
	var (
		ke        kafka.Error
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		record    tls.RecordHeaderError
	)
	remedy := ""
	switch {
	case err == nil, explained(err):
	case errors.As(err, &ke):
		remedy = remedies[ke]
	case errors.As(err, &authority):
		remedy = "see that kafka.tls.ca_file is of the authority that signed the brokers' certificates"
	case errors.As(err, &host):
		remedy = "name the brokers in kafka.brokers as their certificates do, or set kafka.tls.server_name"
	case strings.Contains(err.Error(), "remote error: tls"): // crypto/tls exports no type of it
		remedy = "the broker takes no connection like this: does it ask for a certificate (kafka.tls.cert_file)?"
	case errors.As(err, &record):
		remedy = "there is no TLS at this address: give the one that has it, or set kafka.tls.enabled to false"
	}
	if remedy == "" {
		return err
	}
	return &explanation{err, remedy}
}

// explained says whether err went through Explain already.
func explained(err error) bool {
	var e *explanation
	return errors.As(err, &e)
}

// explanation is an error with its remedy.
type explanation struct {
	err    error
	remedy string
}

func (e *explanation) Error() string { return e.err.Error() + ": " + e.remedy }

func (e *explanation) Unwrap() error { return e.err }

const grant = "docs/security.md lists the rights to grant"

var remedies = map[kafka.Error]string{
	kafka.SASLAuthenticationFailed:           "check kafka.sasl.username and kafka.sasl.password",
	kafka.UnsupportedSASLMechanism:           "choose another kafka.sasl.mechanism",
	kafka.IllegalSASLState:                   "there is no SASL at this address: give the one that has it, or set kafka.sasl.mechanism to none",
	kafka.TopicAuthorizationFailed:           grant,
	kafka.GroupAuthorizationFailed:           grant,
	kafka.ClusterAuthorizationFailed:         grant,
	kafka.TransactionalIDAuthorizationFailed: grant,
}

// hungUp adds what it may mean that a broker ends a connection before its first
// answer.
func hungUp(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w (where this lasts: kafka.tls or kafka.sasl may not be what this address wants)", err)
	}
	return err
}
